"""Popularity: what most people do, now or ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.base.durations import microseconds
from shortlist.base.files import load_array, save_arrays
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.top import walk
from shortlist.base.types import Floats, Positions, Rows
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class Popular(Source):
    """The items with the most events in the newest ``window`` of the log; ties by all-time events.

    Knows something for everybody, also for people without a history.
    """

    window: str = field(default="all", metadata={"doc": "how far back to count: 30d, 12h, all"})

    def __post_init__(self) -> None:
        super().__post_init__()
        microseconds(self.window)

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedPopular:  # noqa: ARG002
        """Count events."""
        histories, items = data.histories, data.items
        ever = np.bincount(histories.items, minlength=len(items))
        window = microseconds(self.window)
        if window is None or not len(histories.at):
            counts = ever
        else:
            newest = histories.at > histories.at.max() - window
            counts = np.bincount(histories.items[newest], minlength=len(items))
        return FittedPopular(counts.astype(np.float32), np.lexsort((-ever, -counts)).astype(np.int32))


class FittedPopular(FittedSource):
    """The same order for everybody; ``encode`` gives the number of queries."""

    def __init__(self, counts: Floats, order: Positions) -> None:
        self.counts, self.order = counts, order
        self.seen = order[: int((counts > 0).sum())]

    def encode(self, queries: Queries) -> int:
        """Nothing about a query matters but that it is there."""
        return len(queries)

    def search(self, encoded: int, n: int, allowed: Allowed) -> Retrieved:
        """The most counted items; never one that was not counted at all."""
        found = walk(self.seen, n, allowed, encoded)
        return Retrieved(found.rows, found.items, self.counts[found.items])

    def score(self, encoded: int, rows: Rows, items: Positions) -> Floats:  # noqa: ARG002
        """The count."""
        return self.counts[items]

    def save(self, folder: Path) -> None:
        """Two arrays."""
        save_arrays(folder, counts=self.counts, order=self.order)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Arrays stay mapped to their files."""
        return cls(load_array(folder, "counts"), load_array(folder, "order"))
