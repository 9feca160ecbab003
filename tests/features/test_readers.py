"""The two readers of one key: random streams through both give the same values, and so does counting by hand."""

from functools import reduce
from operator import or_

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.columns import DAY, HOUR
from shortlist.features.kinds.counts import Count, Sum
from shortlist.features.kinds.means import Mean, Rate
from shortlist.features.kinds.recency import Decayed, Last, Since
from shortlist.features.readers.live import Live
from shortlist.features.readers.reader import ItemStatistics
from shortlist.features.readers.timeline import Timeline
from shortlist.features.window import TILES, Window
from shortlist.system.event import Event

KEYS = 3
views, orders = Event("view"), Event("order")
FEATURES = [
    Count(views, by="item"),
    Count(views, by="item", window="1h"),
    Count(views, by="item", window="7d"),
    Sum(views, by="item", window="1d"),
    Mean(views, by="item", window="7d"),
    Mean(views, by="item", smoothing=0),
    Rate(orders, over_event=views, by="item", window="1d"),
    Last(views, by="item"),
    Since(views, by="item"),
    Decayed(views, by="item", half_life="12h"),
]

# moments crowd on few ticks, so that ties are common; some events become known late; some lie in the future
moment = st.integers(0, 24 * 9).map(lambda tick: tick * HOUR)
event = st.tuples(
    st.integers(0, KEYS - 1),
    moment,
    st.sampled_from([np.nan, 1.0, 2.5, -4.0]),
    st.sampled_from([0, 0, 0, 1, 30, 200]),
)
streams = st.lists(event, max_size=40)


def columns(stream):
    keys = np.array([key for key, *_ in stream], np.int64)
    at = np.array([at for _, at, *_ in stream], np.int64)
    amounts = np.array([amount for *_, amount, _ in stream], np.float64)
    known = at + np.array([late for *_, late in stream], np.int64) * HOUR
    return keys, at, amounts, known


def as_of(stream):
    keys, at, amounts, known = columns(stream)
    return Timeline(keys, at, amounts, KEYS, available_at=known)


def live_at(stream, t, batches, now_before=()):
    """A live reader with every event available by t, in the order of availability."""
    reader = Live(KEYS, reduce(or_, (each.statistics for each in FEATURES)))
    keys, at, amounts, known = columns(stream)
    order = np.argsort(known, kind="stable")
    order = order[known[order] <= t]
    for part in np.array_split(order, batches):
        if len(part):
            reader.advance(int(known[part].max()))
        reader.add(keys[part], at[part], amounts[part])
    reader.advance(t)
    return reader


@settings(max_examples=300, deadline=None)
@given(streams, streams, st.integers(0, 24 * 12).map(lambda tick: tick * HOUR), st.integers(1, 7))
def test_as_of_equals_now(some, others, t, batches):
    past = {views: as_of(some), orders: as_of(others)}
    now = {views: live_at(some, t, batches), orders: live_at(others, t, batches)}
    keys, moments = np.arange(KEYS), np.full(KEYS, t, np.int64)
    for feature in FEATURES:
        before = feature.value(past.__getitem__, keys, moments, 0.5)
        after = feature.value(now.__getitem__, keys, moments, 0.5)
        assert np.allclose(before, after, rtol=1e-9, atol=1e-6, equal_nan=True), feature.name


@settings(max_examples=200, deadline=None)
@given(streams, st.lists(st.tuples(st.integers(0, KEYS - 1), moment), min_size=1, max_size=6))
def test_as_of_equals_counting_by_hand(stream, questions):
    reader = as_of(stream)
    for key, t in questions:
        seen = [
            (at, amount) for k, at, amount, late in stream if k == key and at < t and at + late * HOUR <= t
        ]
        for window in (Window(), Window(DAY), Window(7 * DAY)):
            since = (t // window.tile - TILES) * window.tile if window.length else -1
            inside = [amount for at, amount in seen if at >= since]
            query = (np.array([key]), np.array([t]), window)
            assert reader.counts(*query)[0] == len(inside)
            valued, total = reader.sums(*query)
            assert valued[0] == sum(not np.isnan(amount) for amount in inside)
            assert total[0] == pytest.approx(np.nansum(inside))
        newest = reader.newest(np.array([key]), np.array([t]))[0][0]
        assert newest == max(at for at, _ in seen) if seen else np.isnan(newest)
        weight = sum(2 ** ((at - t) / DAY) for at, _ in seen)
        assert reader.decayed(np.array([key]), np.array([t]), DAY)[0] == pytest.approx(weight)


@given(streams, moment)
def test_what_carries_the_same_moment_or_a_later_one_cannot_be_seen(stream, t):
    """The leak proof: whatever is planted at t or later, no feature at t changes."""
    planted = [*stream, (0, t, 99.0, 0), (1, t + HOUR, 99.0, 0), (2, t - HOUR, 99.0, 5)]
    keys, moments = np.arange(KEYS), np.full(KEYS, t, np.int64)
    for feature in FEATURES:
        if isinstance(feature, Rate):
            continue
        clean = feature.value(lambda _: as_of(stream), keys, moments, 0.5)
        leaky = feature.value(lambda _: as_of(planted), keys, moments, 0.5)
        assert np.allclose(clean, leaky, equal_nan=True), feature.name


def test_a_clock_that_steps_back_changes_nothing():
    reader = Live(1, ItemStatistics.of(windows=Window(DAY)))
    reader.advance(10 * DAY)
    reader.add(np.array([0]), np.array([10 * DAY - 1]), np.array([1.0]))
    before = reader.counts(np.array([0]), np.array([10 * DAY]), Window(DAY))[0]
    assert reader.counts(np.array([0]), np.array([2 * DAY]), Window(DAY))[0] == before == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**6)), max_size=60), st.integers(1, 40))
def test_decayed_counts_over_many_epochs(events, half_life):
    """Half-lives far shorter than the log: weights that no float could hold, were they not carried over."""
    events = sorted(events)
    keys, at = (np.array(column, np.int64) for column in (zip(*events, strict=True) if events else ([], [])))
    reader = Timeline(keys, at, np.full(len(keys), np.nan), 3)
    for t in (0, 500, 10**5, 10**6 + 1):
        found = reader.decayed(np.arange(3), np.full(3, t), half_life)
        wanted = [
            sum(2.0 ** ((a - t) / half_life) for k, a in events if k == key and a < t) for key in range(3)
        ]
        assert np.allclose(found, wanted, rtol=1e-9)
