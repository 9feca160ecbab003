"""Popularity: the items with the most events, of all time or of late."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.base.durations import microseconds
from shortlist.base.files import load_array, save_arrays
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.top import first_allowed
from shortlist.base.types import Floats, Positions, Rows
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class Popular(Source):
    """The items with the most events in the newest ``window`` of the log; ties by all-time events.

    It needs no history, so it serves new users too.
    """

    window: str = field(default="all", metadata={"doc": "how far back events are counted: 30d, 12h, all"})

    def __post_init__(self) -> None:
        super().__post_init__()
        microseconds(self.window)

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedPopular:  # noqa: ARG002
        """Count events."""
        histories, count = data.histories, len(data.items)
        all_time = np.bincount(histories.items, minlength=count)
        window = microseconds(self.window)
        if window is None or not len(histories.at):
            counts = all_time
        else:
            recent = histories.at > histories.at.max() - window
            counts = np.bincount(histories.items[recent], minlength=count)
        return FittedPopular(counts.astype(np.float32), np.lexsort((-all_time, -counts)).astype(np.int32))


class FittedPopular(FittedSource):
    """One order for all queries; ``encode`` gives their number."""

    def __init__(self, counts: Floats, order: Positions) -> None:
        self.counts, self.order = counts, order
        self.counted = order[: int((counts > 0).sum())]

    def encode(self, queries: Queries) -> int:
        """The number of queries."""
        return len(queries)

    def search(self, encoded: int, n: int, allowed: Allowed) -> Retrieved:
        """The items with the most events; none without an event."""
        best = first_allowed(self.counted, n, allowed, encoded)
        return Retrieved(best.rows, best.items, self.counts[best.items])

    def score(self, encoded: int, rows: Rows, items: Positions) -> Floats:  # noqa: ARG002
        """The number of events."""
        return self.counts[items]

    def save(self, folder: Path) -> None:
        """Two arrays."""
        save_arrays(folder, counts=self.counts, order=self.order)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Arrays stay mapped to their files."""
        return cls(load_array(folder, "counts"), load_array(folder, "order"))
