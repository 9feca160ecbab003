"""Splits: train and test are all there is, in order, and nothing of the test is before the train."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.data.splits import by_moment, by_share, by_time

times = st.lists(st.lists(st.integers(0, 50), max_size=12).map(sorted), min_size=1, max_size=8)
shares = st.floats(0.05, 0.95)


def histories(at: list[list[int]]) -> Histories:
    count = iter(range(1000))
    items = [[next(count) for _ in row] for row in at]
    return Histories.from_lists(items, at, [[item / 2 for item in row] for row in items])


def rows(given: Histories) -> list[list[tuple[int, int, float]]]:
    each = zip(given.items.tolist(), given.at.tolist(), given.value.tolist(), strict=True)
    events = list(each)
    return [events[start:end] for start, end in zip(given.offsets[:-1], given.offsets[1:], strict=True)]


def is_partition(given: Histories, split) -> bool:
    """Each row's train and then its test are the row."""
    pairs = zip(rows(split.train), rows(split.test), strict=True)
    return [train + test for train, test in pairs] == rows(given)


@given(times, st.integers(-1, 51))
def test_by_moment_cuts_at_the_moment(at, moment):
    given_rows = histories(at)
    split = by_moment(given_rows, moment)
    assert is_partition(given_rows, split)
    assert (split.train.at < moment).all()
    assert (split.test.at >= moment).all()
    assert split.at.tolist() == [moment] * len(at)


@given(times, shares)
def test_by_share_cuts_each_row_at_its_share(at, share):
    given_rows = histories(at)
    split = by_share(given_rows, share)
    assert is_partition(given_rows, split)
    for row, train in zip(at, rows(split.train), strict=True):
        early = sum((index + 1) / len(row) <= share for index in range(len(row)))
        assert len(train) == (sum(moment < row[early] for moment in row) if early < len(row) else early)
    tested = split.test.lengths > 0
    assert split.at[tested].tolist() == [row[0][1] for row in rows(split.test) if row]


@given(times, shares, st.data())
def test_training_has_no_event_that_was_unavailable_at_its_query(at, share, data):
    late = data.draw(st.lists(st.integers(0, 20), min_size=sum(map(len, at)), max_size=sum(map(len, at))))
    given_rows = histories(at)
    given_rows = replace(given_rows, available_at=given_rows.at + np.array(late, np.int64))
    for cut in (lambda log: by_moment(log, 25), lambda log: by_share(log, share)):
        split, whole = cut(given_rows), cut(histories(at))
        query_at = np.repeat(split.at, split.train.lengths)
        assert (split.train.at < query_at).all()
        assert (split.train.available_at <= query_at).all()
        assert rows(split.test) == rows(whole.test)
        known = {
            item: int(moment) for item, moment in zip(given_rows.items, given_rows.available_at, strict=True)
        }
        for row, everything, moment in zip(rows(split.train), rows(whole.train), split.at, strict=True):
            assert row == [event for event in everything if known[event[0]] <= moment]


def test_of_five_events_four_are_learned_from():
    assert by_share(histories([[1, 2, 3, 4, 5], [7], []])).train.lengths.tolist() == [4, 0, 0]


@given(times, shares, st.integers(1, 6))
def test_by_time_takes_one_moment_where_enough_rows_are_on_both_sides(at, share, min_users):
    given_rows = histories(at)
    split = by_time(given_rows, share, min_users)
    assert is_partition(given_rows, split)
    everything = sorted(moment for row in at for moment in row)
    both = 0
    if everything:
        cut = everything[int(np.ceil(round(share * (len(everything) - 1), 9)))]
        both = sum(row[0] < cut <= row[-1] for row in at if row)
    if both >= min_users:
        assert split.at.tolist() == [cut] * len(at)
        assert "everything before" in split.how
    else:
        assert split.train.lengths.tolist() == by_share(given_rows, share).train.lengths.tolist()
        assert f"only {both} users" in split.how


def test_a_log_that_was_available_too_late_is_an_error():
    given_rows = histories([[1, 2, 3, 4, 5]])
    with pytest.raises(DataError, match="give history as a table"):
        by_time(replace(given_rows, available_at=np.full(5, 100)))


@pytest.mark.parametrize("cut", [by_share, by_time, lambda each: by_moment(each, 3)])
def test_no_events(cut):
    split = cut(Histories.empty(3))
    assert len(split.train) == len(split.test) == len(split.at) == 3
    assert not len(split.train.items)
