"""How much of a user's events went to the candidate's words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from shortlist.base.types import AnyArray, Moments, Rows
from shortlist.features.event_definition import Owner, Readers
from shortlist.features.event_feature import WindowedFeature


@dataclass(frozen=True, eq=False)
class Share(WindowedFeature):
    """The part of a user's events that went to items with the candidate's word."""

    by: Owner = field(kw_only=True)

    def declaration_problems(self) -> Iterator[str]:
        """It needs an attribute."""
        yield from super().declaration_problems()
        if self.owner_entity != "user" or not self.per:
            yield f"feature {self.name!r}: a share is by=('user', ATTRIBUTE)"

    def word_value(
        self,
        read: Readers,
        read_user: Readers,
        keys: AnyArray,
        rows: Rows,
        t: Moments,
        prior: float,  # noqa: ARG002
    ) -> AnyArray:
        """0 where the user has no events."""
        total = read_user(self.event).counts(rows, t, self.over)
        share: AnyArray = read(self.event).counts(keys, t, self.over) / np.maximum(total, 1)
        return share


@dataclass(frozen=True, eq=False)
class Among(WindowedFeature):
    """Whether the candidate's word is among those of a user's window: 0 or 1.

    A candidate with several words has the part of them that are.
    """

    by: Owner = field(kw_only=True)

    def declaration_problems(self) -> Iterator[str]:
        """It needs an attribute."""
        yield from super().declaration_problems()
        if self.owner_entity != "user" or not self.per:
            yield f"feature {self.name!r}: what is among a user's window is by=('user', ATTRIBUTE)"

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:  # noqa: ARG002
        """Whether there are events."""
        return (read(self.event).counts(keys, t, self.over) > 0).astype(np.float64)
