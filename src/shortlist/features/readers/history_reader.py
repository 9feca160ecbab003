"""The reader of people: a few events that came with each query, all of them looked at, so any window is exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Mask, Moments, Rows
from shortlist.system.event import Event
from shortlist.system.features import TILES, Feature, Rate, Window

ALL = slice(None)


class Own:
    """Occurrences of one kind of event in the histories of queries, by key in [0, ``size``).

    ``keys`` has the key of each of the ``events``, places in ``histories``, in their order; without them every
    event counts and a key is a row. ``asked`` is when each row asks: all of its history happened before.
    """

    def __init__(
        self,
        histories: Histories,
        asked: Moments,
        *,
        keys: AnyArray | None = None,
        events: Rows | slice = ALL,
        size: int | None = None,
    ) -> None:
        self._histories, self._asked, self._events = histories, asked, events
        self._keys = histories.rows if keys is None else keys
        self._size = len(histories) if size is None else size
        self._masks: dict[Window, Mask | None] = {Window(): None}

    def counts(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """Occurrences in the window."""
        return self._summed(None, window)[keys]

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Occurrences with a value in the window, and the sum of the values."""
        valued, total = self.totals(self._histories.value[self._events], window)
        return valued[keys], total[keys]

    def totals(self, amounts: AnyArray, window: Window) -> tuple[AnyArray, AnyArray]:
        """For every key: of how many occurrences in the window ``amounts`` are known, and what they add up to."""
        known = ~np.isnan(amounts)
        return self._summed(known, window), self._summed(np.where(known, amounts, 0.0), window)

    def inside(self, window: Window) -> Mask:
        """Which occurrences are in the window."""
        mask = self._mask(window)
        return np.ones(len(self._keys), bool) if mask is None else mask

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:  # noqa: ARG002
        """How many different items are in the window."""
        pairs = (self._keys.astype(np.int64) << 32) | self._histories.items[self._events]
        mask = self._mask(window)
        different = np.unique(pairs if mask is None else pairs[mask]) >> 32
        return np.bincount(different, minlength=self._size).astype(np.float64)[keys]

    def newest(self, keys: AnyArray, t: Moments) -> tuple[AnyArray, AnyArray]:  # noqa: ARG002
        """Time and value of the newest occurrence; NaN where there is none."""
        at, value = np.full(self._size, np.nan), np.full(self._size, np.nan)
        at[self._keys] = self._histories.at[self._events]  # of several the last one stays
        value[self._keys] = self._histories.value[self._events]
        return at[keys], value[keys]

    def decayed(self, keys: AnyArray, t: Moments, half_life: int) -> AnyArray:  # noqa: ARG002
        """Occurrences, each with the weight ``2 ** (-age / half_life)``."""
        age = self._asked[self._histories.rows] - self._histories.at
        return self._summed(np.exp2(-age[self._events] / half_life), Window())[keys]

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
                inside = h.at >= ((self._asked // window.tile - TILES) * window.tile)[h.rows]
            self._masks[window] = inside[self._events]
        return self._masks[window]


def mean_of(known: AnyArray, total: AnyArray) -> AnyArray:
    """``total / known``; NaN where nothing is known."""
    mean: AnyArray = np.divide(total, known, out=np.full(len(known), np.nan), where=known > 0)
    return mean


def of_event(histories: Histories, event: Event, codes: Mapping[Event, int]) -> Histories:
    """Only the events of one kind."""
    return histories if len(codes) == 1 else histories.of_kind(codes[event])


def events_of(definitions: Iterable[Feature]) -> list[Event]:
    """The kinds of events that they read, each once."""
    read = ([each.event, each.over_event] if isinstance(each, Rate) else [each.event] for each in definitions)
    return list(dict.fromkeys(event for events in read for event in events))
