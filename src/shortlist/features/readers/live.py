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
from shortlist.features.readers.distinct import LiveDifferent
from shortlist.features.readers.tiled_window import LATEST, NEVER, Ring
from shortlist.system.features import Window


class Live:
    """Occurrences of one kind of event, by key in [0, ``size``), as far as the declared readings need them."""

    def __init__(
        self,
        size: int,
        windows: Iterable[Window],
        half_lives: Iterable[int],
        different: Iterable[Window] = (),
    ) -> None:
        self.now = NEVER
        self.due = NEVER  # the clock may stay behind up to here: nothing would change
        self.touched = np.zeros(size, bool)  # since the last ``changes``
        self.rings = {window: Ring(window, size) for window in windows}
        self.weights = {half_life: np.zeros(size) for half_life in half_lives}
        self.weighed_at = {half_life: np.zeros(size) for half_life in half_lives}
        self.newest_at = np.full(size, np.nan)
        self.newest_value = np.full(size, np.nan)
        self.different = LiveDifferent(size, different)
        self.waiting: tuple[AnyArray, Moments, AnyArray, AnyArray] = (
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0),
            np.zeros(0, np.int64),
        )

    def add(self, keys: AnyArray, at: Moments, value: AnyArray, others: AnyArray | None = None) -> None:
        """Take in occurrences in the order in which they became known; ``others`` is what ``distinct`` tells apart."""
        if others is None:
            assert not self.different.rings, "who did it must be said where different ones are counted"
            others = np.zeros(len(keys), np.int64)
        fresh = (keys, at, value, others)
        keys, at, value, others = (
            np.concatenate([waits, comes]) for waits, comes in zip(self.waiting, fresh, strict=True)
        )
        self.waiting = (keys, at, value, others)
        self._take_in()
        self._plan()

    def advance(self, now: int) -> None:
        """Move the clock to ``now``, microseconds; a step back changes nothing."""
        if now < self.due or now <= self.now:
            return
        self.now = now
        for ring in self._all_rings():
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

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """How many different others are in the window."""
        return self.different.counts(keys, window)

    def _all_rings(self) -> list[Ring]:
        return [*self.rings.values(), *self.different.rings.values()]

    def _plan(self) -> None:
        """When does something change next by itself?"""
        moments = [ring.due for ring in self._all_rings()] if self.now > NEVER else [NEVER]
        self.due = min([*moments, int(self.waiting[1].min(initial=LATEST - 1)) + 1])

    def _take_in(self) -> None:
        """Count what waits and has happened by now."""
        keys, at, value, others = self.waiting
        ripe = at < self.now
        if not ripe.any():
            return
        self.waiting = (keys[~ripe], at[~ripe], value[~ripe], others[~ripe])
        keys, at, value, others = keys[ripe], at[ripe], value[ripe], others[ripe]
        self.touched[keys] = True
        amounts = np.stack([np.ones(len(keys)), ~np.isnan(value), np.nan_to_num(value)])
        for ring in self.rings.values():
            ring.add(keys, at, amounts)
        self.different.add(keys, at, others)
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
