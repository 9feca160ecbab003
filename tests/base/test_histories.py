"""Laws of ragged histories."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.histories import Histories

rows_of_events = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=6).map(
        lambda row: sorted(row, key=lambda event: event[1])
    ),
    max_size=6,
)


def histories(rows):
    return Histories.from_lists([[i for i, _ in row] for row in rows], [[t for _, t in row] for row in rows])


def lists(found):
    pairs = list(zip(found.items.tolist(), found.at.tolist(), strict=True))
    return [pairs[a:b] for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)]


def test_before_holds_back_what_was_not_known_yet():
    late = replace(histories([[(1, 5), (2, 6), (3, 7)], [(4, 5)]]), available_at=np.array([5, 9, 8, 5]))
    assert lists(late.before(np.array([8, 5]))) == [[(1, 5), (3, 7)], []]
    assert lists(late.before(np.array([9, 6]))) == [[(1, 5), (2, 6), (3, 7)], [(4, 5)]]
    assert late.end == 10
    assert histories([[(1, 5)], []]).end == 6
    assert Histories.empty(2).end == 0


@given(rows_of_events)
def test_of_keeps_everything(rows):
    assert lists(histories(rows)) == rows


@given(rows_of_events, st.data())
def test_take_repeats_and_reorders_rows(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if rows else []
    assert lists(histories(rows).take(np.array(chosen, np.int64))) == [rows[i] for i in chosen]


@given(rows_of_events, st.integers(0, 21))
def test_before_is_strict(rows, moment):
    found = histories(rows).before(np.full(len(rows), moment))
    assert lists(found) == [[e for e in row if e[1] < moment] for row in rows]


@given(rows_of_events, st.integers(1, 7))
def test_last(rows, n):
    assert lists(histories(rows).last(n)) == [row[-n:] for row in rows]


@given(rows_of_events)
def test_age_rank_counts_down_to_0(rows):
    expected = [rank for row in rows for rank in range(len(row) - 1, -1, -1)]
    assert histories(rows).age_rank.tolist() == expected


@given(rows_of_events)
def test_first_at(rows):
    latest = np.iinfo(np.int64).max
    assert histories(rows).first_at().tolist() == [row[0][1] if row else latest for row in rows]


@given(rows_of_events)
def test_remapped_leaves_out_what_has_no_place(rows):
    positions = np.array([-1, 5, 4, -1, 3, 2, 1, 0, -1, 6], np.int32)
    expected = [[(positions[i], t) for i, t in row if positions[i] >= 0] for row in rows]
    assert lists(histories(rows).remapped(positions)) == expected
