"""How many different ones: of a person's events the items, of an item's events the people. Exact in both readers.

*As of*: an occurrence is the first of its kind in a span if the one before it, of the same key and the same
other, lies before the span; so different ones are counted as occurrences.

*Now*: the newest moment of each (key, other) pair is remembered, 16 bytes each, and a pair counts in the tile
of that moment; when it occurs again it moves to the new tile. Pairs that have left the longest window are
forgotten; where a window has no end, none is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from shortlist.base.types import AnyArray, Mask, Moments, Rows
from shortlist.features.readers.tiled_window import NEVER, Ring
from shortlist.features.readers.wavelet import Wavelet
from shortlist.system.features import TILES, Window

AT_MOST = 1_000_000  # occurrences that are looked at one by one
RECENT = 100_000  # pairs that wait to be sorted in
OTHERS = 32  # bits of a pair's number


class Different:
    """Over occurrences sorted by key: those of key ``k`` are at ``starts[k]`` to ``starts[k + 1]``."""

    def __init__(self, starts: Rows, others: AnyArray) -> None:
        key = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        order = np.lexsort((others, key))  # stable: places rise within a pair
        again = (np.diff(key[order]) == 0) & (np.diff(others[order]) == 0)
        self.others = others
        self.previous = np.full(len(others), -1)  # the place of the one before, of the same pair
        self.previous[order[1:][again]] = order[:-1][again]

    @cached_property
    def _wavelet(self) -> Wavelet:
        return Wavelet(self.previous + 1)

    def count(self, low: Rows, high: Rows) -> AnyArray:
        """How many different others are in each span [low, high) of one key, float64."""
        if int((high - low).sum()) > AT_MOST:
            return self._wavelet.below(low, high, low + 1).astype(np.float64)
        query, place = each_of(low, high)
        first = self.previous[place] < low[query]
        return np.bincount(query[first], minlength=len(low)).astype(np.float64)

    def count_known(self, low: Rows, high: Rows, known: Moments, t: Moments) -> AnyArray:
        """The same among what was known by ``t`` only, one by one."""
        query, place = each_of(low, high)
        seen = known[place] <= t[query]
        pairs = np.unique(np.stack([query[seen], self.others[place[seen]]]), axis=1)
        return np.bincount(pairs[0], minlength=len(low)).astype(np.float64)


def each_of(low: Rows, high: Rows) -> tuple[Rows, Rows]:
    """Every place of every span: (which span, place)."""
    lengths = high - low
    query = np.repeat(np.arange(len(low)), lengths)
    return query, np.arange(len(query)) + np.repeat(low - np.cumsum(lengths) + lengths, lengths)


class LiveDifferent:
    """Different others of each key in [0, ``size``), in each window, now."""

    def __init__(self, size: int, windows: Iterable[Window]) -> None:
        self.rings = {window: Ring(window, size, rows=1) for window in windows}
        self.pairs, self.at = np.zeros(0, np.int64), np.zeros(0, np.int64)  # sorted by pair
        self.recent: dict[int, int] = {}  # pairs with a newer moment than there

    def add(self, keys: AnyArray, at: Moments, others: AnyArray) -> None:
        """Take in occurrences before the moment of the last ``advance``."""
        if not self.rings:
            return
        pairs = keys << OTHERS | others
        order = np.lexsort((at, pairs))
        last = order[np.flatnonzero(np.diff(pairs[order], append=-1))]
        pairs, keys, at = pairs[last], keys[last], at[last]
        before = self._newest(pairs)
        newer = at > before
        pairs, keys, at, before = pairs[newer], keys[newer], at[newer], before[newer]
        moved = before > NEVER
        for ring in self.rings.values():
            ring.add(keys, at, np.ones((1, len(keys))))
            ring.add(keys[moved], before[moved], np.full((1, int(moved.sum())), -1.0))
        self._remember(pairs, at)

    def counts(self, keys: AnyArray, window: Window) -> AnyArray:
        """Of each key, float64."""
        count: AnyArray = self.rings[window].sums[0, keys]
        return count

    def _newest(self, pairs: AnyArray) -> Moments:
        place = np.minimum(np.searchsorted(self.pairs, pairs), max(len(self.pairs) - 1, 0))
        known: Mask = self.pairs[place] == pairs if len(self.pairs) else np.zeros(len(pairs), bool)
        found = np.full(len(pairs), NEVER)
        found[known] = self.at[place[known]]
        if self.recent:
            for n, pair in enumerate(pairs.tolist()):
                found[n] = self.recent.get(pair, found[n])
        return found

    def _remember(self, pairs: AnyArray, at: Moments) -> None:
        if len(pairs) + len(self.recent) <= max(RECENT, len(self.pairs) // 16):
            self.recent.update(zip(pairs.tolist(), at.tolist(), strict=True))
            return
        recent = np.array(list(self.recent.items()), np.int64).reshape(-1, 2).T
        self.recent = {}
        every = np.concatenate([self.pairs, recent[0], pairs])
        moments = np.concatenate([self.at, recent[1], at])
        order = np.argsort(every, kind="stable")  # of one pair the newest comes last
        last = order[np.flatnonzero(np.diff(every[order], append=-1))]
        kept = last[moments[last] >= min(_opens(ring) for ring in self.rings.values())]
        self.pairs, self.at = every[kept], moments[kept]


def _opens(ring: Ring) -> int:
    """The first moment of a ring's window; NEVER where it has none."""
    return (ring.head - TILES) * ring.window.tile if ring.head > NEVER else NEVER
