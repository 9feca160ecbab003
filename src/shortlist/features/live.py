"""The reader *now*: what is known of each key at this moment, updated event by event.

For each window of time a ring of tiles: an occurrence adds to its tile, and when the clock passes into a new
tile the oldest is forgotten. What happens later than now waits until its time has come. The clock never goes
back. Between two such moments only what happens changes anything: ``due`` says when the next one comes, and
``changes`` which keys the last ones touched.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from shortlist.base.types import AnyArray, Moments
from shortlist.system.features import TILES, Window

NEVER, LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class Ring:
    """Counts, valued counts and sums over one window, for each key: float64[3, keys]."""

    def __init__(self, window: Window, size: int) -> None:
        self.window = window
        self.head = NEVER  # the newest tile
        self.tiles = np.zeros((3, TILES + 1, size)) if window.length else None
        self.sums = np.zeros((3, size))

    @property
    def due(self) -> int:
        """When the next tile begins."""
        return (self.head + 1) * self.window.tile if self.head > NEVER else LATEST

    def advance(self, now: int) -> AnyArray:
        """Forget what has left the window; the keys that had something there."""
        head = now // self.window.tile if self.window.length else NEVER
        if self.tiles is None or head <= self.head:
            return np.zeros(0, np.int64)
        first = max(self.head + 1, head - TILES)
        gone = np.arange(first, head + 1) % (TILES + 1)
        touched = np.flatnonzero(self.tiles[0, gone].any(axis=0))
        self.tiles[np.ix_(range(3), gone, touched)] = 0.0
        self.sums[:, touched] = self.tiles[:, :, touched].sum(axis=1)  # anew, so that rounding cannot pile up
        self.head = head
        return touched

    def add(self, keys: AnyArray, at: Moments, value: AnyArray) -> None:
        """Take in occurrences before the moment of the last ``advance``."""
        if self.tiles is not None:
            tile = at // self.window.tile
            inside = tile >= self.head - TILES
            keys, tile, value = keys[inside], tile[inside] % (TILES + 1), value[inside]
        for place, amounts in enumerate((np.ones(len(keys)), ~np.isnan(value), np.nan_to_num(value))):
            np.add.at(self.sums[place], keys, amounts)
            if self.tiles is not None:
                np.add.at(self.tiles[place], (tile, keys), amounts)


class Live:
    """Occurrences of one kind of event, by key in [0, ``size``), as far as the declared readings need them."""

    def __init__(self, size: int, windows: Iterable[Window], half_lives: Iterable[int]) -> None:
        self.now = NEVER
        self.due = NEVER  # the clock may stay behind up to here: nothing would change
        self.touched = np.zeros(size, bool)  # since the last ``changes``
        self.rings = {window: Ring(window, size) for window in windows}
        self.weights = {half_life: np.zeros(size) for half_life in half_lives}
        self.weighed_at = {half_life: np.zeros(size) for half_life in half_lives}
        self.newest_at = np.full(size, np.nan)
        self.newest_value = np.full(size, np.nan)
        self.waiting: tuple[AnyArray, Moments, AnyArray] = (
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0),
        )

    def add(self, keys: AnyArray, at: Moments, value: AnyArray) -> None:
        """Take in occurrences in the order in which they became known."""
        self.waiting = (
            np.concatenate([self.waiting[0], keys]),
            np.concatenate([self.waiting[1], at]),
            np.concatenate([self.waiting[2], value]),
        )
        self._take_in()
        self._plan()

    def advance(self, now: int) -> None:
        """Move the clock to ``now``, microseconds; a step back changes nothing."""
        if now < self.due or now <= self.now:
            return
        self.now = now
        for ring in self.rings.values():
            self.touched[ring.advance(now)] = True
        self._take_in()
        self._plan()

    def changes(self) -> AnyArray:
        """The keys of which something but their age has changed since the last call."""
        keys = np.flatnonzero(self.touched)
        self.touched[keys] = False
        return keys

    # Readings are of the moment of the last ``advance``, or any up to ``due``.

    def counts(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """Occurrences in the window."""
        count: AnyArray = self.rings[window].sums[0, keys]
        return count

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Occurrences with a value in the window, and the sum of the values."""
        valued, total = self.rings[window].sums[1:, keys]
        return valued, total

    def newest(self, keys: AnyArray, t: Moments) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Time and value of the newest occurrence; NaN where there is none."""
        return self.newest_at[keys], self.newest_value[keys]

    def decayed(self, keys: AnyArray, t: Moments, half_life: int) -> AnyArray:
        """Occurrences, each with the weight ``2 ** (-age / half_life)``."""
        weight: AnyArray = self.weights[half_life][keys] * np.exp2(
            (self.weighed_at[half_life][keys] - t) / half_life
        )
        return weight

    def _plan(self) -> None:
        """When does something change next by itself?"""
        moments = [ring.due for ring in self.rings.values()] if self.now > NEVER else [NEVER]
        self.due = min([*moments, int(self.waiting[1].min(initial=LATEST - 1)) + 1])

    def _take_in(self) -> None:
        """Count what waits and has happened by now."""
        keys, at, value = self.waiting
        ripe = at < self.now
        if not ripe.any():
            return
        self.waiting = (keys[~ripe], at[~ripe], value[~ripe])
        keys, at, value = keys[ripe], at[ripe], value[ripe]
        self.touched[keys] = True
        for ring in self.rings.values():
            ring.add(keys, at, value)
        for half_life in self.weights:
            self._weigh(half_life, keys, at)
        # the newest of each key; among equal times the one that came last
        order = np.lexsort((np.arange(len(keys)), at, keys))
        last = order[np.flatnonzero(np.diff(keys[order], append=-1))]
        newer = ~(at[last] < self.newest_at[keys[last]])
        last = last[newer]
        self.newest_at[keys[last]], self.newest_value[keys[last]] = at[last], value[last]

    def _weigh(self, half_life: int, keys: AnyArray, at: Moments) -> None:
        """Move each touched key's weight to its newest moment, and add what came."""
        weights, moments = self.weights[half_life], self.weighed_at[half_life]
        touched, place = np.unique(keys, return_inverse=True)
        newest = moments[touched].copy()
        np.maximum.at(newest, place, at)
        weights[touched] *= np.exp2((moments[touched] - newest) / half_life)
        weights[touched] += np.bincount(place, weights=np.exp2((at - newest[place]) / half_life))
        moments[touched] = newest
