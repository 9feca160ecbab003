"""The best n, against sorting everything."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shortlist.base.queries import Allowed, Ragged
from shortlist.base.top import first_allowed, top, top_of_lists

# few different values, so that ties are common; -inf is what was forbidden
scores_of_rows = arrays(
    np.float32,
    st.tuples(st.integers(0, 4), st.integers(1, 12)),
    elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]),
)


def expected(row, n):
    order = sorted(range(len(row)), key=lambda i: (-row[i], i))
    return [i for i in order if row[i] > -np.inf][:n]


@given(scores_of_rows, st.integers(0, 15))
def test_top_is_a_sort_with_ties_to_the_lower_position(scores, n):
    found = top(scores, n)
    for row, values in enumerate(scores):
        assert found.items[found.rows == row].tolist() == expected(values, n)


@given(scores_of_rows, st.integers(0, 15))
def test_top_of_lists_agrees_with_top(scores, n):
    rows, items = np.nonzero(scores > -np.inf)
    listed = top_of_lists(rows, items.astype(np.int32), scores[rows, items], n)
    dense = top(scores, n)
    assert listed.rows.tolist() == dense.rows.tolist()
    assert listed.items.tolist() == dense.items.tolist()


@given(
    st.permutations(range(10)),
    st.integers(1, 12),
    st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=4),
    st.sets(st.integers(0, 9)),
)
def test_first_allowed_gives_the_first_allowed(order, n, hidden, shared):
    mask = np.isin(np.arange(10), list(shared))
    allowed = Allowed(mask, Ragged.from_lists([sorted(items) for items in hidden]))
    found = first_allowed(np.array(order, np.int32), n, allowed, len(hidden))
    for row, not_these in enumerate(hidden):
        fine = [item for item in order if item in shared and item not in not_these]
        assert found.items[found.rows == row].tolist() == fine[:n]
