"""What the request path answers: slates with their provenance, and how each stage went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.base.types import Floats, Mask, Positions, Rows

_COLUMNS = ("rows", "items", "values", "probabilities", "retrieved_by", "scores", "because")


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
    retrieved_by: Mask  # bool[entries, sources]; no source: filled in from popularity
    scores: Floats  # float32[entries, sources], every source's own score
    because: Positions  # int32[entries], the history item that best explains the entry; -1: none
    reasons: tuple[str, ...]  # what the sources say about the entry; often empty
    stages: tuple[Stage, ...]
    degraded: tuple[str, ...]  # what was left out, and why; empty when all went well

    def row(self, row: int) -> Slates:
        """The slate of one row, as a batch of one."""
        span = slice(*np.searchsorted(self.rows, [row, row + 1]))
        parts = {name: getattr(self, name)[span] for name in _COLUMNS}
        parts["rows"] = np.zeros_like(parts["rows"])
        return Slates(**parts, reasons=self.reasons[span], stages=self.stages, degraded=self.degraded)

    def split(self, rows: int) -> list[Slates]:
        """The slate of each of the batch's ``rows`` rows, as batches of one."""
        return [self] if rows == 1 else [self.row(row) for row in range(rows)]

    @classmethod
    def joined(cls, blocks: Sequence[Slates]) -> Slates:
        """Blocks of rows one after the other; their stages added up."""
        if len(blocks) == 1:
            return blocks[0]
        stages = tuple(
            Stage(
                same[0].name, sum(s.before for s in same), sum(s.after for s in same), sum(s.ms for s in same)
            )
            for same in zip(*(block.stages for block in blocks), strict=True)
        )
        degraded = tuple(dict.fromkeys(note for block in blocks for note in block.degraded))
        parts = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in _COLUMNS}
        reasons = tuple(reason for block in blocks for reason in block.reasons)
        return cls(**parts, reasons=reasons, stages=stages, degraded=degraded)
