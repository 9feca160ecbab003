"""The reader of users: the few events that came with each query, all of them looked at, so any window is exact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Mask, Moments, Rows
from shortlist.features.window import EVERYTHING, TILES, Window
from shortlist.system.event import Event

ALL = slice(None)


class HistoryReader:
    """Occurrences of one kind of event in the histories of queries, by key in [0, ``size``).

    ``keys`` has the key of each of the ``events``, positions in ``histories``, in their order; without them every
    event counts and a key is a row. ``moments`` is when each row is queried: all of its history is from before.
    """

    def __init__(
        self,
        histories: Histories,
        moments: Moments,
        *,
        keys: AnyArray | None = None,
        events: Rows | slice = ALL,
        size: int | None = None,
    ) -> None:
        self._histories, self._moments, self._events = histories, moments, events
        self._keys = histories.rows if keys is None else keys
        self._size = len(histories) if size is None else size
        self._masks: dict[Window, Mask | None] = {EVERYTHING: None}

    def counts(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """Occurrences in the window."""
        return self._summed(None, window)[keys]

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Occurrences with a value in the window, and the sum of the values."""
        valued, total = self.totals(self._histories.value[self._events], window)
        return valued[keys], total[keys]

    def totals(self, amounts: AnyArray, window: Window) -> tuple[AnyArray, AnyArray]:
        """For every key: of how many occurrences in the window ``amounts`` is not NaN, and their sum."""
        present = ~np.isnan(amounts)
        return self._summed(present, window), self._summed(np.where(present, amounts, 0.0), window)

    def inside(self, window: Window) -> Mask:
        """Which occurrences are in the window."""
        mask = self._mask(window)
        return np.ones(len(self._keys), bool) if mask is None else mask

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """How many distinct items are in the window."""
        pairs = (self._keys.astype(np.int64) << 32) | self._histories.items[self._events]
        mask = self._mask(window)
        distinct = np.unique(pairs if mask is None else pairs[mask]) >> 32
        return np.bincount(distinct, minlength=self._size).astype(np.float64)[keys]

    def newest(self, keys: AnyArray, t: Moments) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Time and value of the newest occurrence; NaN where there is none."""
        at, value = np.full(self._size, np.nan), np.full(self._size, np.nan)
        at[self._keys] = self._histories.at[self._events]  # of several the last one stays
        value[self._keys] = self._histories.value[self._events]
        return at[keys], value[keys]

    def decayed(self, keys: AnyArray, t: Moments, half_life: int) -> AnyArray:  # noqa: ARG002
        """Occurrences, each with the weight ``2 ** (-age / half_life)``."""
        age = self._moments[self._histories.rows] - self._histories.at
        return self._summed(np.exp2(-age[self._events] / half_life), EVERYTHING)[keys]

    def _summed(self, amounts: AnyArray | None, window: Window) -> AnyArray:
        """The sum of ``amounts`` (None: ones) in the window of every key."""
        mask = self._mask(window)
        if mask is not None:
            amounts = mask if amounts is None else mask * amounts
        return np.bincount(self._keys, amounts, self._size).astype(np.float64, copy=False)

    def _mask(self, window: Window) -> Mask | None:
        """Which occurrences are in the window; None: all."""
        if window not in self._masks:
            h = self._histories
            if window.events:
                inside = h.age_rank < window.events
            else:
                inside = h.at >= ((self._moments // window.tile - TILES) * window.tile)[h.rows]
            self._masks[window] = inside[self._events]
        return self._masks[window]


def mean_of(count: AnyArray, total: AnyArray) -> AnyArray:
    """``total / count``; NaN where the count is 0."""
    mean: AnyArray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean


def of_event(histories: Histories, event: Event, codes: Mapping[Event, int]) -> Histories:
    """Only the events of one kind."""
    return histories if len(codes) == 1 else histories.of_kind(codes[event])
