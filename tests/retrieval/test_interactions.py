"""Histories as a matrix."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.histories import Histories
from shortlist.retrieval._interactions import matrix


@given(lists=st.lists(st.lists(st.integers(0, 4)), max_size=4), seed=st.integers(0, 99))
def test_each_item_of_a_history_has_the_largest_of_its_weights(lists, seed):
    histories = Histories.from_lists(lists)
    weights = np.random.default_rng(seed).random(len(histories.items), np.float32)
    expected = np.zeros((len(lists), 5), np.float32)
    np.maximum.at(expected, (histories.rows, histories.items), weights)
    made = matrix(histories, 5, weights)
    assert np.array_equal(made.toarray(), expected)
    assert np.array_equal(matrix(histories, 5).toarray(), (expected > 0).astype(np.float32))
    assert made.has_canonical_format
    assert made.indices.dtype == made.indptr.dtype == np.int32
