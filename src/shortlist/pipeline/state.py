"""What the stages of the path have made so far of one block of queries, and what they start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shortlist.base.queries import Allowed, Candidates, Queries, Ragged, Retrieved
from shortlist.base.types import AnyArray, Floats, Mask, Positions
from shortlist.pipeline.parts import PipelineParts
from shortlist.pipeline.slate import Stage
from shortlist.rules.where import where_mask
from shortlist.system.contracts import RankerInputs

_NO_CANDIDATES = Candidates.given(np.zeros(0, np.int64), np.zeros(0, np.int32), 0)
_NO_VALUES = np.zeros(0, np.float32)
_NO_PROBABILITIES = np.zeros((0, 0), np.float32)


@dataclass
class Eligibility:
    """Which items may be returned at all: not deleted, kept by every filter, and as the request's ``where`` wants them.

    One object serves all blocks of a batch, so the mask is made once.
    """

    live: Mask | None = None  # bool[items], not deleted; None: all
    where: Mapping[str, Any] | None = None  # see `shortlist.rules.where.where_mask`
    _mask: Mask | None = None

    def mask(self, pipeline: PipelineParts) -> Mask:
        """bool[items]. Raises InvalidRequestError that names the field of ``where``."""
        if self._mask is None:
            mask = np.ones(len(pipeline.items), bool) if self.live is None else self.live.copy()
            for shared in (each.shared() for each in pipeline.filters):
                if shared is not None:
                    mask &= shared
            if self.where:
                mask &= where_mask(self.where, pipeline.items)
            self._mask = mask
        return self._mask


@dataclass
class PathState:
    """One block of queries on its way through the path."""

    queries: Queries
    n: int
    eligibility: Eligibility = field(default_factory=Eligibility)
    given: Ragged | None = None  # candidates that the caller brought
    excluded: Ragged | None = None  # items that the caller does not want, by row
    allowed: Allowed = field(init=False)
    encoded: dict[int, Any] = field(default_factory=dict)  # index of a source -> its view of the queries
    retrieved: dict[int, Retrieved] = field(default_factory=dict)  # index of a source -> its candidates
    candidates: Candidates = _NO_CANDIDATES
    inputs: RankerInputs | None = None  # what the ranker sees of the candidates, as they were when hydrated
    probabilities: Floats = field(default_factory=_NO_PROBABILITIES.copy)
    values: Floats = field(default_factory=_NO_VALUES.copy)
    because: Positions | None = None  # int32[candidates]; None: reasons were not asked for
    reasons: tuple[str, ...] = ()
    trace: list[Stage] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)

    def keep(self, which: AnyArray) -> None:
        """Go on with the candidates at the given indices, in that order."""
        self.candidates = self.candidates.take(which)
        self.values = self.values[which]
        self.probabilities = self.probabilities[which] if len(self.probabilities) else self.probabilities
