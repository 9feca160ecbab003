"""Recency: the newest value, the time since, and counts that decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from shortlist.base.columns import DAY
from shortlist.base.durations import microseconds
from shortlist.base.types import AnyArray, Moments
from shortlist.features.event_definition import Readers
from shortlist.features.event_feature import EventFeature
from shortlist.features.readers.reader import ItemStatistics


@dataclass(frozen=True, eq=False)
class Last(EventFeature):
    """The value of the newest event."""

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """Read as it is."""
        return read(self.event).newest(keys, t)[1]


@dataclass(frozen=True, eq=False)
class Since(EventFeature):
    """Days since the newest event."""

    moves: ClassVar[bool] = True

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """From its time to ``t``."""
        days: AnyArray = (t - read(self.event).newest(keys, t)[0]) / DAY
        return days


@dataclass(frozen=True, eq=False)
class Decayed(EventFeature):
    """Events counted with a weight that halves every ``half_life``."""

    moves: ClassVar[bool] = True

    half_life: str = field(default="7d", kw_only=True)

    @property
    def statistics(self) -> ItemStatistics:
        """The decayed count."""
        return ItemStatistics.of(half_life=self._length)

    @property
    def window_text(self) -> str:
        """The half-life."""
        return f"half-life {self.half_life}"

    def name_parts(self) -> Iterator[str]:
        """With the half-life."""
        yield from super().name_parts()
        yield self.half_life

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """Read as it is."""
        return read(self.event).decayed(keys, t, self._length)

    @property
    def _length(self) -> int:
        return microseconds(self.half_life) or 1
