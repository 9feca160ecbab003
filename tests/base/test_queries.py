"""Queries and what they may get, as if the catalogue were smaller."""

import numpy as np

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
