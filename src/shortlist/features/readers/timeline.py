"""The reader *as of*: the events of each key that were available at any moment, from a sorted log.

Occurrences are sorted by (key, time), so a window of a key is a span of them, found by bisection, and its
count and sum are differences of running totals. A query costs a few look-ups, whatever its window holds.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Moments, Rows
from shortlist.features.readers.distinct import DistinctIndex
from shortlist.features.window import TILES, Window

NEVER, LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
EPOCH_HALF_LIVES = 500  # of weights that a float holds
NOTHING = np.zeros(0, np.int64)
DELAY_RATIO = 16  # of the bounds of one level of delay and the next


class DelayLevel(NamedTuple):
    """Late events: those that became available up to ``delay`` after they happened, and not much sooner."""

    delay: int  # microseconds
    positions: Rows  # rising
    at: Moments
    until: int  # when the last of them became available


class Timeline:
    """Occurrences of one kind of event, by key in [0, ``size``).

    ``available_at`` is when each became available; None: as it happened. Of occurrences at the same time the one
    that became available last is the newest; among those, the one that is given last. ``counterparts`` is what
    ``distinct`` counts: of an item's events the users, of a user's the items.
    """

    def __init__(
        self,
        keys: AnyArray,
        at: Moments,
        value: AnyArray,
        size: int,
        available_at: Moments | None = None,
        counterparts: AnyArray | None = None,
    ) -> None:
        order = np.lexsort((at, keys) if available_at is None else (available_at, at, keys))
        self.at, self.value = at[order], value[order]
        self.counterparts = None if counterparts is None else counterparts[order]
        self.available_at = self.at if available_at is None else available_at[order]
        self.delays = [] if available_at is None else _levels(self.at, self.available_at)
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=size))])
        self.last = int(at.max(initial=NEVER))

    @classmethod
    def of(cls, histories: Histories) -> Timeline:
        """Of the histories of queries, which are in order and hold only what was available: a key is a row."""
        self = cls.__new__(cls)
        self.at, self.value, self.available_at = histories.at, histories.value, histories.at
        self.counterparts = histories.items
        self.starts, self.delays = histories.offsets, []
        self.last = int(histories.at.max(initial=NEVER))
        return self

    @cached_property
    def valued_before(self) -> AnyArray:
        """How many occurrences before each position have a value."""
        return np.concatenate([[0], np.cumsum(~np.isnan(self.value))])

    @cached_property
    def value_before(self) -> AnyArray:
        """The sum of the values before each position."""
        return np.concatenate([[0.0], np.cumsum(np.nan_to_num(self.value), dtype=np.float64)])

    @cached_property
    def distinct_index(self) -> DistinctIndex:
        """Which occurrences are the first of their counterpart."""
        assert self.counterparts is not None, "distinct counterparts are counted: name them"
        return DistinctIndex(self.starts, self.counterparts)

    def counts(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:
        """Occurrences in the window."""
        low, high = self.span(keys, t, window)
        count = (high - low).astype(np.float64)
        query, _ = self._unavailable(low, high, t)
        return count - np.bincount(query, minlength=len(keys)) if len(query) else count

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:
        """Occurrences with a value in the window, and the sum of the values."""
        low, high = self.span(keys, t, window)
        valued = (self.valued_before[high] - self.valued_before[low]).astype(np.float64)
        total = self.value_before[high] - self.value_before[low]
        query, event = self._unavailable(low, high, t)
        if len(query):
            valued -= np.bincount(query, weights=~np.isnan(self.value[event]), minlength=len(keys))
            total -= np.bincount(query, weights=np.nan_to_num(self.value[event]), minlength=len(keys))
        return valued, total

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:
        """How many distinct counterparts are in the window."""
        low, high = self.span(keys, t, window)
        count = self.distinct_index.count(low, high)
        query, _ = self._unavailable(low, high, t)
        if len(query):
            some = np.unique(query)
            count[some] = self.distinct_index.count_available(
                low[some], high[some], self.available_at, t[some]
            )
        return count

    def newest(self, keys: AnyArray, t: Moments) -> tuple[AnyArray, AnyArray]:
        """Time and value of the newest occurrence that was available at t; NaN where there is none."""
        low, high = self.span(keys, t, Window())
        position = high - 1
        while self.delays:
            # step back over what was not available yet; every round looks at fewer
            hidden = (position >= low) & (self.available_at[np.maximum(position, 0)] > t)
            if not hidden.any():
                break
            position[hidden] -= 1
        there = position >= low
        at, value = np.full(len(keys), np.nan), np.full(len(keys), np.nan)
        at[there], value[there] = self.at[position[there]], self.value[position[there]]
        return at, value

    def decayed(self, keys: AnyArray, t: Moments, half_life: int) -> AnyArray:
        """Occurrences available at t, each with the weight ``2 ** (-age / half_life)``."""
        low, high = self.span(keys, t, Window())
        running = self._running(half_life)
        some, value = high > low, np.zeros(len(keys))
        last = high[some] - 1
        value[some] = running[last] * np.exp2((self.at[last] - t[some]) / half_life)
        query, event = self._unavailable(low, high, t)
        if len(query):
            gone = np.exp2((self.at[event] - t[query]) / half_life)
            value -= np.bincount(query, weights=gone, minlength=len(keys))
        return value

    def span(self, keys: AnyArray, t: Moments, window: Window) -> tuple[Rows, Rows]:
        """The occurrences of each key with ``at < t`` in the window: positions [low, high)."""
        first, last = self.starts[keys], self.starts[keys + 1]
        high = last if self.last < t.min(initial=LATEST) else bisect(self.at, first, last, t)
        if window.events:
            return np.maximum(first, high - window.events), high
        if window.length is None:
            return first, high
        return bisect(self.at, first, high, (t // window.tile - TILES) * window.tile), high

    def _unavailable(self, low: Rows, high: Rows, t: Moments) -> tuple[Rows, Rows]:
        """Pairs (query, occurrence) of what is in a query's span but was not available at its t.

        Of each level only what happened within its delay before t can be hidden, and about half of that is.
        """
        first, queries, events = int(t.min(initial=LATEST)), [NOTHING], [NOTHING]
        for level in self.delays:
            if level.until <= first:
                continue
            begin, end = np.searchsorted(level.positions, low), np.searchsorted(level.positions, high)
            begin = bisect(level.at, begin, end, t - level.delay)
            counts = end - begin
            query = np.repeat(np.arange(len(low)), counts)
            offset = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
            event = level.positions[np.repeat(begin, counts) + offset]
            hidden = self.available_at[event] > t[query]
            queries.append(query[hidden])
            events.append(event[hidden])
        return np.concatenate(queries), np.concatenate(events)

    def _running(self, half_life: int) -> AnyArray:
        """The decayed count of each key just after each of its occurrences.

        Inside an epoch of EPOCH_HALF_LIVES half-lives weights are powers of two that a float can hold, so that sums are
        running totals; from one epoch of a key to its next the end is carried over.
        """
        epoch = self.at // (EPOCH_HALF_LIVES * half_life)
        begins = np.concatenate([[True], epoch[1:] != epoch[:-1]]) if len(epoch) else np.zeros(0, bool)
        begins[self.starts[:-1][np.diff(self.starts) > 0]] = True
        group = np.cumsum(begins) - 1
        growth = np.exp2((self.at - epoch * (EPOCH_HALF_LIVES * half_life)) / half_life)
        totals = pl.DataFrame({"group": group, "weight": growth}).select(
            pl.col("weight").cum_sum().over("group")
        )
        running = totals.to_series().to_numpy() / growth
        first = np.flatnonzero(begins)
        end = np.concatenate([first[1:], [len(self.at)]]) - 1  # the last occurrence of each group
        carries = ~np.isin(first, self.starts)  # the groups that are not their key's first
        index = np.arange(len(first))
        rank = index - np.maximum.accumulate(np.where(carries, 0, index))  # of a group among its key's
        carried = np.zeros(len(first))  # the count at the end of the group before
        for g in np.split(order := np.argsort(rank, kind="stable"), np.flatnonzero(np.diff(rank[order])) + 1)[
            1:
        ]:
            gap = np.minimum(self.at[end[g - 2]] - self.at[end[g - 1]], 0) / half_life
            fade = np.where(rank[g] > 1, np.exp2(gap), 0.0)
            carried[g] = running[end[g - 1]] + carried[g - 1] * fade
        since = self.at[np.maximum(end[np.maximum(group - 1, 0)], 0)]
        fading = np.where(carries[group], np.exp2(np.minimum(since - self.at, 0) / half_life), 0.0)
        counts: AnyArray = running + carried[group] * fading
        return counts


def _levels(at: Moments, available_at: Moments) -> list[DelayLevel]:
    """Late events by their delay: a stream is late by little, a backfill by much."""
    late = np.flatnonzero(available_at > at)
    delay = available_at[late] - at[late]
    levels, bound = [], 1
    while len(late):
        bound *= DELAY_RATIO
        mine = delay <= bound
        if mine.any():
            positions = late[mine]
            levels.append(DelayLevel(bound, positions, at[positions], int(available_at[positions].max())))
        late, delay = late[~mine], delay[~mine]
    return levels


def bisect(values: AnyArray, low: Rows, high: Rows, wanted: AnyArray) -> Rows:
    """The first position in [low, high) whose value is not below ``wanted``, for many spans at once."""
    low, high = low.copy(), high.copy()
    open_ = np.flatnonzero(low < high)
    while len(open_):
        middle = (low[open_] + high[open_]) >> 1
        below = values[middle] < wanted[open_]
        low[open_[below]] = middle[below] + 1
        high[open_[~below]] = middle[~below]
        open_ = open_[low[open_] < high[open_]]
    return low
