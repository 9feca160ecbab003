"""Distinct counts: of a user's events the items, of an item's events the users. Exact in both readers.

*As of*: an occurrence is the first of its counterpart in a span if the one before it, of the same key and the
same counterpart, lies before the span; so distinct counterparts are counted as occurrences.

*Now*: the newest moment of each (key, counterpart) pair is remembered, 16 bytes each, and a pair counts in the
tile of that moment; when it occurs again it moves to the new tile. Pairs that have left the longest window are
dropped; where a window has no end, none is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from shortlist.base.types import AnyArray, Mask, Moments, Rows
from shortlist.features.readers.tiled_window import NEVER, TiledWindow
from shortlist.features.readers.wavelet import Wavelet
from shortlist.features.window import TILES, Window

MAX_SCANNED = 1_000_000  # occurrences in spans that are scanned; above it the wavelet matrix is quicker
MAX_UNSORTED = 100_000  # pairs in a dictionary before they are sorted into the array
COUNTERPART_BITS = 32  # of a pair's number; the key has the counterparts


class DistinctIndex:
    """Over occurrences sorted by key: those of key ``k`` are at ``starts[k]`` to ``starts[k + 1]``."""

    def __init__(self, starts: Rows, counterparts: AnyArray) -> None:
        key = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        order = np.lexsort((counterparts, key))  # stable: positions rise within a pair
        again = (np.diff(key[order]) == 0) & (np.diff(counterparts[order]) == 0)
        self.counterparts = counterparts
        self.previous = np.full(len(counterparts), -1)  # the position of the one before, of the same pair
        self.previous[order[1:][again]] = order[:-1][again]

    @cached_property
    def _wavelet(self) -> Wavelet:
        return Wavelet(self.previous + 1)

    def count(self, low: Rows, high: Rows) -> AnyArray:
        """How many distinct counterparts are in each span [low, high) of one key, float64."""
        if int((high - low).sum()) > MAX_SCANNED:
            return self._wavelet.below(low, high, low + 1).astype(np.float64)
        query, position = each_of(low, high)
        first = self.previous[position] < low[query]
        return np.bincount(query[first], minlength=len(low)).astype(np.float64)

    def count_available(self, low: Rows, high: Rows, available_at: Moments, t: Moments) -> AnyArray:
        """The same among what was available by ``t`` only, one by one."""
        query, position = each_of(low, high)
        available = available_at[position] <= t[query]
        pairs = np.unique(np.stack([query[available], self.counterparts[position[available]]]), axis=1)
        return np.bincount(pairs[0], minlength=len(low)).astype(np.float64)


def each_of(low: Rows, high: Rows) -> tuple[Rows, Rows]:
    """Every position of every span: (which span, position)."""
    lengths = high - low
    query = np.repeat(np.arange(len(low)), lengths)
    return query, np.arange(len(query)) + np.repeat(low - np.cumsum(lengths) + lengths, lengths)


class DistinctCounts:
    """Distinct counterparts of each key in [0, ``size``), in each window, now."""

    def __init__(self, size: int, windows: Iterable[Window]) -> None:
        self.windows = {window: TiledWindow(window, size, rows=1) for window in windows}
        self.pairs, self.at = np.zeros(0, np.int64), np.zeros(0, np.int64)  # sorted by pair
        self.recent: dict[int, int] = {}  # pairs with a newer moment than there

    def add(self, keys: AnyArray, at: Moments, counterparts: AnyArray) -> None:
        """Take in occurrences before the moment of the last ``advance``."""
        if not self.windows:
            return
        pairs = keys << COUNTERPART_BITS | counterparts
        order = np.lexsort((at, pairs))
        last = order[np.flatnonzero(np.diff(pairs[order], append=-1))]
        pairs, keys, at = pairs[last], keys[last], at[last]
        before = self._newest(pairs)
        newer = at > before
        pairs, keys, at, before = pairs[newer], keys[newer], at[newer], before[newer]
        moved = before > NEVER
        for window in self.windows.values():
            window.add(keys, at, np.ones((1, len(keys))))
            window.add(keys[moved], before[moved], np.full((1, int(moved.sum())), -1.0))
        self._remember(pairs, at)

    def counts(self, keys: AnyArray, window: Window) -> AnyArray:
        """Of each key, float64."""
        count: AnyArray = self.windows[window].sums[0, keys]
        return count

    def _newest(self, pairs: AnyArray) -> Moments:
        position = np.minimum(np.searchsorted(self.pairs, pairs), max(len(self.pairs) - 1, 0))
        met: Mask = self.pairs[position] == pairs if len(self.pairs) else np.zeros(len(pairs), bool)
        newest = np.full(len(pairs), NEVER)
        newest[met] = self.at[position[met]]
        if self.recent:
            for n, pair in enumerate(pairs.tolist()):
                newest[n] = self.recent.get(pair, newest[n])
        return newest

    def _remember(self, pairs: AnyArray, at: Moments) -> None:
        if len(pairs) + len(self.recent) <= max(MAX_UNSORTED, len(self.pairs) // 16):
            self.recent.update(zip(pairs.tolist(), at.tolist(), strict=True))
            return
        recent = np.array(list(self.recent.items()), np.int64).reshape(-1, 2).T
        self.recent = {}
        every = np.concatenate([self.pairs, recent[0], pairs])
        moments = np.concatenate([self.at, recent[1], at])
        order = np.argsort(every, kind="stable")  # of one pair the newest comes last
        last = order[np.flatnonzero(np.diff(every[order], append=-1))]
        kept = last[moments[last] >= min(_opens(window) for window in self.windows.values())]
        self.pairs, self.at = every[kept], moments[kept]


def _opens(tiled: TiledWindow) -> int:
    """The first moment of a window; NEVER where it has none."""
    return (tiled.head - TILES) * tiled.window.tile if tiled.head > NEVER else NEVER
