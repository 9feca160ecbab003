"""Distinct users of an item: both readers equal counting by hand, whatever comes late, twice or out of order."""

from functools import reduce
from operator import or_

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.columns import DAY, HOUR
from shortlist.features.kinds.counts import Distinct
from shortlist.features.readers import distinct
from shortlist.features.readers.distinct import DistinctCounts, DistinctIndex
from shortlist.features.readers.live import Live
from shortlist.features.readers.reader import ItemStatistics
from shortlist.features.readers.timeline import Timeline
from shortlist.features.readers.wavelet import Wavelet
from shortlist.features.window import TILES, Window
from shortlist.system.event import Event

KEYS = 3
views = Event("view")
FEATURES = [Distinct(views, by="item", window=window) for window in ("all", "1d", "7d", "1h")]
ticks = st.integers(0, 24 * 9).map(lambda tick: tick * HOUR)
event = st.tuples(st.integers(0, KEYS - 1), ticks, st.integers(0, 4), st.sampled_from([0, 0, 0, 1, 30, 200]))
streams = st.lists(event, max_size=40)


def columns(stream):
    keys, at, who, late = np.array(stream, np.int64).reshape(-1, 4).T
    return keys, at, who, at + late * HOUR


def live_at(stream, t, batches):
    reader = Live(KEYS, reduce(or_, (each.statistics for each in FEATURES)))
    keys, at, who, known = columns(stream)
    order = np.argsort(known, kind="stable")
    order = order[known[order] <= t]
    for part in np.array_split(order, batches):
        if len(part):
            reader.advance(int(known[part].max()))
        reader.add(keys[part], at[part], np.full(len(part), np.nan), who[part])
    reader.advance(t)
    return reader


def by_hand(stream, key, t, window):
    since = (t // window.tile - TILES) * window.tile if window.length else -1
    return len({who for k, at, who, late in stream if k == key and since <= at < t and at + late * HOUR <= t})


@pytest.fixture(params=[True, False], ids=["spans looked through", "wavelet"])
def way(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(distinct, "MAX_SCANNED", -1)


@pytest.mark.usefixtures("way")
def test_both_readers_count_what_counting_by_hand_finds():
    @settings(max_examples=150, deadline=None)
    @given(streams, ticks, st.integers(1, 7))
    def law(stream, t, batches):
        keys, at, who, known = columns(stream)
        past = Timeline(keys, at, np.full(len(at), np.nan), KEYS, known, who)
        now = live_at(stream, t, batches)
        every, moments = np.arange(KEYS), np.full(KEYS, t)
        for feature in FEATURES:
            wanted = [by_hand(stream, key, t, feature.over) for key in range(KEYS)]
            assert feature.value(lambda _: past, every, moments, 0).tolist() == wanted, feature.name
            assert feature.value(lambda _: now, every, moments, 0).tolist() == wanted, feature.name

    law()


@given(streams, ticks)
def test_what_carries_the_same_moment_or_a_later_one_cannot_be_seen(stream, t):
    planted = [*stream, (0, t, 9, 0), (1, t + HOUR, 9, 0), (2, max(t - HOUR, 0), 9, 900)]
    every, moments = np.arange(KEYS), np.full(KEYS, t)
    for feature in FEATURES:
        found = []
        for log in (stream, planted):
            keys, at, who, known = columns(log)
            reader = Timeline(keys, at, np.full(len(at), np.nan), KEYS, known, who)
            found.append(reader.distinct(every, moments, feature.over).tolist())
        assert found[0] == found[1], feature.name


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=150), st.data())
def test_a_wavelet_counts_what_is_below(values, data):
    position = st.integers(0, len(values))
    spans = data.draw(st.lists(st.tuples(position, position, st.integers(0, 300)), max_size=20))
    low, high, bound = np.array([(min(a, b), max(a, b), x) for a, b, x in spans], np.int64).reshape(-1, 3).T
    found = Wavelet(np.array(values, np.int64)).below(low, high, bound)
    wanted = [sum(v < x for v in values[a:b]) for a, b, x in zip(low, high, bound, strict=True)]
    assert found.tolist() == wanted


def test_a_span_starts_afresh():
    index = DistinctIndex(np.array([0, 4, 5]), np.array([7, 7, 8, 7, 7]))
    assert index.previous.tolist() == [-1, 0, -1, 1, -1]
    assert index.count(np.array([0, 1, 2, 4, 3]), np.array([4, 2, 4, 5, 3])).tolist() == [2, 1, 2, 1, 0]


def test_pairs_that_left_every_window_are_forgotten(monkeypatch):
    monkeypatch.setattr(distinct, "MAX_UNSORTED", 3)
    live = DistinctCounts(2, [Window(DAY), Window(7 * DAY)])
    for day in range(40):
        for window in live.windows.values():
            window.advance((day + 1) * DAY)
        users = np.arange(4) + 4 * day
        live.add(np.array([0, 0, 1, 1]), np.full(4, day * DAY), users)
    assert live.counts(np.array([0, 1]), Window(7 * DAY)).tolist() == [14, 14]
    assert len(live.pairs) + len(live.recent) < 45, "of 160"


def test_distinct_users_must_be_named():
    reader = Live(1, ItemStatistics.of(distinct=Window(DAY)))
    with pytest.raises(AssertionError, match="name the user"):
        reader.add(np.array([0]), np.array([0]), np.array([1.0]))
