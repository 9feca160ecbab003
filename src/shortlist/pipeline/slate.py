"""What the request path answers: slates with their provenance, and how each stage went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.types import Floats, Mask, Positions, Rows


@dataclass(frozen=True)
class Stage:
    """How one stage of the path went for a batch."""

    name: str
    before: int  # candidates in
    after: int  # candidates out
    ms: float


@dataclass(frozen=True)
class Slates:
    """Ranked lists for a query batch: sorted by row, in slate order within a row, no item twice in a row."""

    rows: Rows  # int64[entries]
    items: Positions  # int32[entries]
    values: Floats  # float32[entries], the value model's
    probabilities: Floats  # float32[entries, objectives]; no columns without a ranker
    found: Mask  # bool[entries, sources]; no source: filled in from popularity
    because: Positions  # int32[entries], the history item that best explains the entry; -1: none
    stages: tuple[Stage, ...]
    degraded: tuple[str, ...]  # what was left out, and why; empty when all went well

    def of(self, row: int) -> Slates:
        """The slate of one row, as a batch of one."""
        span = slice(*np.searchsorted(self.rows, [row, row + 1]))
        return Slates(
            np.zeros_like(self.rows[span]),
            self.items[span],
            self.values[span],
            self.probabilities[span],
            self.found[span],
            self.because[span],
            self.stages,
            self.degraded,
        )
