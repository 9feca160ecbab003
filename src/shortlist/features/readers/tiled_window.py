"""A window of time for many keys at once: a ring of tiles, of which the oldest is dropped when a new one begins."""

from __future__ import annotations

import numpy as np

from shortlist.base.growable import with_capacity
from shortlist.base.types import AnyArray, Moments
from shortlist.features.window import TILES, Window

NEVER, LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class TiledWindow:
    """``rows`` sums over one window for each key, float64[rows, keys]: events, those with a value, their values."""

    def __init__(self, window: Window, size: int, rows: int = 3) -> None:
        self.window = window
        self.head = NEVER  # the newest tile
        self.tiles = np.zeros((rows, TILES + 1, size)) if window.length else None
        self.sums = np.zeros((rows, size))

    def reserve(self, size: int) -> None:
        """Make room for ``size`` keys."""
        self.sums = with_capacity(self.sums, size)
        if self.tiles is not None:
            self.tiles = with_capacity(self.tiles, size)

    @property
    def due(self) -> int:
        """When the next tile begins."""
        return (self.head + 1) * self.window.tile if self.head > NEVER else LATEST

    def advance(self, now: int) -> AnyArray:
        """Drop what has left the window; the keys that had something there."""
        head = now // self.window.tile if self.window.length else NEVER
        if self.tiles is None or head <= self.head:
            return np.zeros(0, np.int64)
        first = max(self.head + 1, head - TILES)
        gone = np.arange(first, head + 1) % (TILES + 1)
        touched = np.flatnonzero(self.tiles[0, gone].any(axis=0))
        self.tiles[np.ix_(np.arange(len(self.tiles)), gone, touched)] = 0.0
        self.sums[:, touched] = self.tiles[:, :, touched].sum(axis=1)  # anew, so that rounding cannot pile up
        self.head = head
        return touched

    def add(self, keys: AnyArray, at: Moments, amounts: AnyArray) -> None:
        """Add ``amounts`` float64[rows, occurrences] of before the moment of the last ``advance``."""
        if self.tiles is not None:
            tile = at // self.window.tile
            inside = tile >= self.head - TILES
            keys, tile, amounts = keys[inside], tile[inside] % (TILES + 1), amounts[:, inside]
        for index, row in enumerate(amounts):
            np.add.at(self.sums[index], keys, row)
            if self.tiles is not None:
                np.add.at(self.tiles[index], (tile, keys), row)
