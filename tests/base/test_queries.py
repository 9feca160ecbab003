"""Queries and what they may get, as if the catalogue were smaller."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.histories import Histories
from shortlist.base.queries import Allowed, Queries, Ragged, SearchQuery


def test_queries_over_the_first_items_know_no_others():
    histories = Histories.from_lists([[0, 5, 2], [7], []])
    queries = Queries(histories, np.full(3, 9), search=SearchQuery.from_parts(items=[1, 6, -1]))
    first = queries.first_items(5)
    assert np.split(first.histories.items, first.histories.offsets[1:-1])[0].tolist() == [0, 2]
    assert first.histories.lengths.tolist() == [2, 0, 0]
    assert first.search.items.tolist() == [1, -1, -1]
    assert queries.first_items(None) is queries


def test_what_is_allowed_can_be_taken_by_row():
    allowed = Allowed(np.ones(3, bool), Ragged.from_lists([[0], [1, 2], []]))
    assert allowed.take(np.array([1, 2])).hidden.items.tolist() == [1, 2]
    assert allowed.take(np.array([1, 2])).hidden.offsets.tolist() == [0, 2, 2]


@given(hidden=st.lists(st.lists(st.integers(0, 5)), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_pairs_are_kept_unless_the_item_is_not_shared_or_hidden_in_the_row(hidden, seed):
    rng = np.random.default_rng(seed)
    shared = rng.random(6) < 0.7
    rows, items = rng.integers(0, len(hidden), 20), rng.integers(0, 6, 20).astype(np.int32)
    kept = Allowed(shared, Ragged.from_lists(hidden)).keep(rows, items)
    expected = [bool(shared[i]) and i not in hidden[row] for row, i in zip(rows, items, strict=True)]
    assert kept.tolist() == expected
