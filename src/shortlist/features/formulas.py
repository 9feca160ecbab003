"""From what a reader can say of a key to a feature's value: one formula each, whichever reader it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from shortlist.base.columns import DAY
from shortlist.base.durations import microseconds
from shortlist.base.types import AnyArray, Moments
from shortlist.system.event import Event
from shortlist.system.features import Count, Decayed, Distinct, Feature, Last, Mean, Rate, Since, Sum, Window


class Reader(Protocol):
    """What `Timeline` (as of) and `Live` (now) have in common: occurrences of one event, by key."""

    def counts(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:
        """Occurrences in the window."""

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:
        """Occurrences with a value in the window, and the sum of the values."""

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:
        """How many different others (users of an item, items of a user) are in the window."""

    def newest(self, keys: AnyArray, t: Moments) -> tuple[AnyArray, AnyArray]:
        """Time and value of the newest occurrence; NaN where there is none."""

    def decayed(self, keys: AnyArray, t: Moments, half_life: int) -> AnyArray:
        """Occurrences, each with the weight ``2 ** (-age / half_life)``."""


def value(  # noqa: PLR0911
    feature: Feature, reader: Callable[[Event], Reader], keys: AnyArray, t: Moments, prior: AnyArray | float
) -> AnyArray:
    """The feature of each key at each t, float64; ``prior`` is what means and rates are shrunk towards."""
    of = reader(feature.event)
    match feature:
        case Count():
            return of.counts(keys, t, feature.over)
        case Sum():
            return of.sums(keys, t, feature.over)[1]
        case Mean():
            valued, total = of.sums(keys, t, feature.over)
            return _drawn(total, valued, feature.smoothing, prior)
        case Rate():
            some = of.counts(keys, t, feature.over)
            every = reader(feature.over_event).counts(keys, t, feature.over)
            return _drawn(some, every, feature.smoothing, prior)
        case Distinct():
            return of.distinct(keys, t, feature.over)
        case Last():
            return of.newest(keys, t)[1]
        case Since():
            days: AnyArray = (t - of.newest(keys, t)[0]) / DAY
            return days
        case Decayed():
            return of.decayed(keys, t, microseconds(feature.half_life) or 1)
    raise TypeError(f"no formula for {type(feature).__name__}")


def _drawn(total: AnyArray, count: AnyArray, smoothing: float, prior: AnyArray | float) -> AnyArray:
    """``total / count`` with ``smoothing`` more of what is prior; NaN where neither is known."""
    every = count + smoothing
    drawn = total + smoothing * np.asarray(prior)
    mean: AnyArray = np.divide(drawn, every, out=np.full(len(count), np.nan), where=every > 0)
    return mean
