"""AlreadySeen: no items of the user's own history."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shortlist.base.durations import microseconds
from shortlist.base.items import Items
from shortlist.base.queries import Queries, Ragged
from shortlist.system.contracts import Filter, FittedFilter


@dataclass(frozen=True, kw_only=True)
class AlreadySeen(Filter):
    """Drops the items of the query's own history."""

    window: str = field(
        default="all", metadata={"doc": "how long an item is dropped after its event: 30d, 12h, all"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        microseconds(self.window)

    def fit(self, items: Items) -> FittedFilter:  # noqa: ARG002
        """Needs nothing of the catalogue."""
        return FittedAlreadySeen(microseconds(self.window))


class FittedAlreadySeen(FittedFilter):
    """Hides the items of each row's history within the window."""

    reason = "already seen"

    def __init__(self, window: int | None) -> None:
        self.window = window

    def hidden(self, queries: Queries) -> Ragged:
        """The items of each row's history."""
        histories = queries.histories
        if self.window is not None:
            since = np.repeat(queries.at - self.window, histories.lengths)
            histories = histories.where(histories.at >= since)
        return Ragged(histories.offsets, histories.items)
