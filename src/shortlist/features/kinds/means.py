"""Means of values and rates of events, shrunk towards a prior, so that few events do not decide alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Moments, Rows
from shortlist.features.event_definition import Readers
from shortlist.features.event_feature import WindowedFeature
from shortlist.features.readers.history_reader import mean_of
from shortlist.features.readers.reader import ItemStatistics
from shortlist.features.window import EVERYTHING
from shortlist.system.event import Event


@dataclass(frozen=True, eq=False)
class Mean(WindowedFeature):
    """The mean of the events' values, shrunk towards the prior by ``smoothing`` events' worth.

    The prior is the mean of the whole log at training; for ``("user", ATTRIBUTE)``, the user's own mean.
    """

    smoothing: float = field(default=5.0, kw_only=True)

    @property
    def statistics(self) -> ItemStatistics:
        """The window's counts and sums."""
        return ItemStatistics.of(windows=self.over)

    def prior(self, histories: Histories, codes: Mapping[Event, int]) -> float | None:
        """The mean value in the log."""
        values = histories.value[histories.event == codes[self.event]]
        return None if np.isnan(values).all() else float(np.nanmean(values))

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:
        """Over the events that have a value."""
        count, total = read(self.event).sums(keys, t, self.over)
        return _shrunk(total, count, self.smoothing, prior)

    def word_value(
        self,
        read: Readers,
        read_user: Readers,
        keys: AnyArray,
        rows: Rows,
        t: Moments,
        prior: float,  # noqa: ARG002
    ) -> AnyArray:
        """Shrunk towards the user's mean, over what time does not bound."""
        over = self.over if self.over.events else EVERYTHING
        own_mean = mean_of(*read_user(self.event).sums(rows, t, over))
        count, total = read(self.event).sums(keys, t, self.over)
        mean: AnyArray = (total + self.smoothing * own_mean) / np.maximum(count + self.smoothing, 1e-9)
        return mean


@dataclass(frozen=True, eq=False)
class Rate(WindowedFeature):
    """Events for each event ``over_event``: ``Rate(orders, over_event=views)``.

    Shrunk towards the rate in the whole log at training by ``smoothing`` events' worth.
    """

    over_event: Event = field(kw_only=True)
    smoothing: float = field(default=10.0, kw_only=True)

    @property
    def events(self) -> tuple[Event, ...]:
        """Both kinds of events."""
        return self.event, self.over_event

    @property
    def statistics(self) -> ItemStatistics:
        """The window's counts."""
        return ItemStatistics.of(windows=self.over)

    def prior(self, histories: Histories, codes: Mapping[Event, int]) -> float:
        """The rate in the log."""
        count, base = (int((histories.event == codes[event]).sum()) for event in self.events)
        return count / max(base, 1)

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:
        """Both counts in the same window."""
        count = read(self.event).counts(keys, t, self.over)
        base = read(self.over_event).counts(keys, t, self.over)
        return _shrunk(count, base, self.smoothing, prior)


def _shrunk(total: AnyArray, count: AnyArray, smoothing: float, prior: AnyArray | float) -> AnyArray:
    """``total / count`` with ``smoothing`` more of the prior; NaN where neither is there."""
    weight = count + smoothing
    shrunk = total + smoothing * np.asarray(prior)
    mean: AnyArray = np.divide(shrunk, weight, out=np.full(len(count), np.nan), where=weight > 0)
    return mean
