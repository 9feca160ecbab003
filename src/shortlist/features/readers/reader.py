"""What every reader can say of the events of a key, and what a live reader must keep to say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shortlist.base.types import AnyArray, Moments
from shortlist.features.window import Window


class Reader(Protocol):
    """Occurrences of one kind of event, by key: as of a moment (`Timeline`), now (`Live`), of a history."""

    def counts(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:
        """Occurrences in the window."""

    def sums(self, keys: AnyArray, t: Moments, window: Window) -> tuple[AnyArray, AnyArray]:
        """Occurrences with a value in the window, and the sum of the values."""

    def distinct(self, keys: AnyArray, t: Moments, window: Window) -> AnyArray:
        """How many distinct counterparts (users of an item, items of a user) are in the window."""

    def newest(self, keys: AnyArray, t: Moments) -> tuple[AnyArray, AnyArray]:
        """Time and value of the newest occurrence; NaN where there is none."""

    def decayed(self, keys: AnyArray, t: Moments, half_life: int) -> AnyArray:
        """Occurrences, each with the weight ``2 ** (-age / half_life)``."""


@dataclass(frozen=True)
class ItemStatistics:
    """What a live reader keeps besides the newest occurrence; the other readers compute from events."""

    windows: frozenset[Window] = frozenset()  # for ``counts`` and ``sums``
    distinct: frozenset[Window] = frozenset()
    half_lives: frozenset[int] = frozenset()  # microseconds, for ``decayed``

    @classmethod
    def of(
        cls, *, windows: Window | None = None, distinct: Window | None = None, half_life: int = 0
    ) -> ItemStatistics:
        """Of single windows and half-lives."""
        return cls(
            frozenset([windows] if windows is not None else []),
            frozenset([distinct] if distinct is not None else []),
            frozenset([half_life] if half_life else []),
        )

    def __or__(self, other: ItemStatistics) -> ItemStatistics:
        return ItemStatistics(
            self.windows | other.windows, self.distinct | other.distinct, self.half_lives | other.half_lives
        )
