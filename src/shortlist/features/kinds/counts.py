"""Counts and sums of events in a window."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.base.types import AnyArray, Moments
from shortlist.features.event_definition import Readers
from shortlist.features.event_feature import WindowedFeature
from shortlist.features.readers.reader import ItemStatistics


@dataclass(frozen=True, eq=False)
class Count(WindowedFeature):
    """How many events."""

    @property
    def statistics(self) -> ItemStatistics:
        """The window's counts."""
        return ItemStatistics.of(windows=self.over)

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """Read as it is."""
        return read(self.event).counts(keys, t, self.over)


@dataclass(frozen=True, eq=False)
class Sum(WindowedFeature):
    """The sum of their values."""

    @property
    def statistics(self) -> ItemStatistics:
        """The window's sums."""
        return ItemStatistics.of(windows=self.over)

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """Read as it is."""
        return read(self.event).sums(keys, t, self.over)[1]


@dataclass(frozen=True, eq=False)
class Distinct(WindowedFeature):
    """How many distinct ones: of a user's events the items, of an item's events the users."""

    @property
    def statistics(self) -> ItemStatistics:
        """The window's distinct counterparts."""
        return ItemStatistics.of(distinct=self.over)

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """Read as it is."""
        return read(self.event).distinct(keys, t, self.over)
