"""The reader *now*: the events of each key up to this moment, updated event by event.

For each window of time a ring of tiles: an occurrence adds to its tile, and when the clock passes into a new
tile the oldest is dropped. Events later than now wait until their time has come. The clock never goes back.
Between two such moments only new events change anything: ``due`` is when the next one comes, and ``changes``
which keys the last ones touched.
"""

from __future__ import annotations

import numpy as np

from shortlist.base.growable import with_capacity
from shortlist.base.types import AnyArray, Moments
from shortlist.features.readers.distinct import DistinctCounts
from shortlist.features.readers.reader import ItemStatistics
from shortlist.features.readers.tiled_window import LATEST, NEVER, TiledWindow
from shortlist.features.window import Window


class Live:
    """Occurrences of one kind of event, by key in [0, ``size``), as far as the ``statistics`` need them."""

    def __init__(self, size: int, statistics: ItemStatistics) -> None:
        self.now = NEVER
        self.due = NEVER  # the clock may stay behind up to here: nothing would change
        self.touched = np.zeros(size, bool)  # since the last ``changes``
        self.windows = {window: TiledWindow(window, size) for window in statistics.windows}
        self.weights = {half_life: np.zeros(size) for half_life in statistics.half_lives}
        self.weighed_at = {half_life: np.zeros(size) for half_life in statistics.half_lives}
        self.newest_at = np.full(size, np.nan)
        self.newest_value = np.full(size, np.nan)
        self.distinct_counts = DistinctCounts(size, statistics.distinct)
        self.waiting: tuple[AnyArray, Moments, AnyArray, AnyArray] = (
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0),
            np.zeros(0, np.int64),
        )

    def reserve(self, size: int) -> None:
        """Make room for ``size`` keys; those that come anew have no events."""
        self.touched = with_capacity(self.touched, size)
        for window in self._all_windows():
            window.reserve(size)
        self.weights = {half_life: with_capacity(each, size) for half_life, each in self.weights.items()}
        self.weighed_at = {
            half_life: with_capacity(each, size) for half_life, each in self.weighed_at.items()
        }
        self.newest_at = with_capacity(self.newest_at, size, np.nan)
        self.newest_value = with_capacity(self.newest_value, size, np.nan)

    def add(self, keys: AnyArray, at: Moments, value: AnyArray, counterparts: AnyArray | None = None) -> None:
        """Take in occurrences in the order in which they became available.

        ``counterparts`` is what ``distinct`` counts: a number for each user.
        """
        if counterparts is None:
            assert not self.distinct_counts.windows, "distinct users are counted: name the user of each event"
            counterparts = np.zeros(len(keys), np.int64)
        fresh = (keys, at, value, counterparts)
        keys, at, value, counterparts = (
            np.concatenate([waits, comes]) for waits, comes in zip(self.waiting, fresh, strict=True)
        )
        self.waiting = (keys, at, value, counterparts)
        self._take_in()
        self._plan()

    def advance(self, now: int) -> None:
        """Move the clock to ``now``, microseconds; a step back changes nothing."""
        if now < self.due or now <= self.now:
            return
        self.now = now
        for window in self._all_windows():
            self.touched[window.advance(now)] = True
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
        count: AnyArray = self.windows[window].sums[0, keys]
        return count

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Occurrences with a value in the window, and the sum of the values."""
        valued, total = self.windows[window].sums[1:, keys]
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

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """How many distinct counterparts are in the window."""
        return self.distinct_counts.counts(keys, window)

    def _all_windows(self) -> list[TiledWindow]:
        return [*self.windows.values(), *self.distinct_counts.windows.values()]

    def _plan(self) -> None:
        """When does something change next by itself?"""
        moments = [window.due for window in self._all_windows()] if self.now > NEVER else [NEVER]
        self.due = min([*moments, int(self.waiting[1].min(initial=LATEST - 1)) + 1])

    def _take_in(self) -> None:
        """Count what waits and is before now."""
        keys, at, value, counterparts = self.waiting
        ripe = at < self.now
        if not ripe.any():
            return
        self.waiting = (keys[~ripe], at[~ripe], value[~ripe], counterparts[~ripe])
        keys, at, value, counterparts = keys[ripe], at[ripe], value[ripe], counterparts[ripe]
        self.touched[keys] = True
        amounts = np.stack([np.ones(len(keys)), ~np.isnan(value), np.nan_to_num(value)])
        for window in self.windows.values():
            window.add(keys, at, amounts)
        self.distinct_counts.add(keys, at, counterparts)
        for half_life in self.weights:
            self._weigh(half_life, keys, at)
        # the newest of each key; among equal times the one that came last
        order = np.lexsort((np.arange(len(keys)), at, keys))
        last = order[np.flatnonzero(np.diff(keys[order], append=-1))]
        newer = ~(at[last] < self.newest_at[keys[last]])
        last = last[newer]
        self.newest_at[keys[last]], self.newest_value[keys[last]] = at[last], value[last]

    def _weigh(self, half_life: int, keys: AnyArray, at: Moments) -> None:
        """Move each touched key's weight to its newest moment, and add the new ones."""
        weights, moments = self.weights[half_life], self.weighed_at[half_life]
        touched, inverse = np.unique(keys, return_inverse=True)
        newest = moments[touched].copy()
        np.maximum.at(newest, inverse, at)
        weights[touched] *= np.exp2((moments[touched] - newest) / half_life)
        weights[touched] += np.bincount(inverse, weights=np.exp2((at - newest[inverse]) / half_life))
        moments[touched] = newest
