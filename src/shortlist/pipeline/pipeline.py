"""Everything that turns queries into slates, as one immutable object that runs the path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.base.errors import InvalidRequestError
from shortlist.base.queries import Queries, Ragged
from shortlist.base.types import Mask
from shortlist.pipeline.parts import PipelineParts
from shortlist.pipeline.path import PREDICT, RANK, RECOMMEND, SEARCH, StageFunction, reasons
from shortlist.pipeline.slate import Slates, Stage
from shortlist.pipeline.state import Eligibility, PathState

QUERY_BLOCK = 256  # queries that go through the stages together; bounds the memory of large batches


@dataclass(frozen=True)
class Pipeline(PipelineParts):
    """The parts, and the ways through the request path."""

    def recommend(
        self,
        queries: Queries,
        n: int = 20,
        *,
        where: Mapping[str, Any] | None = None,
        live: Mask | None = None,
        excluded: Ragged | None = None,
        with_reasons: bool = True,
    ) -> Slates:
        """The slate of each query: ``n`` items wherever that many are eligible.

        Queries with a search query get no more than was retrieved. ``where`` asks for attributes (see
        `shortlist.rules.where.where_mask`), ``live`` bool[items] marks items that are not deleted, ``excluded``
        are items that single rows do not want. Raises InvalidRequestError that names the field.
        """
        if n < 1:
            raise InvalidRequestError("n", f"must be at least 1, not {n}")
        stages = [stage for stage in _stages(queries) if with_reasons or stage is not reasons]
        return self._run(stages, queries, n, Eligibility(live, where), excluded=excluded)

    def rank(self, queries: Queries, given: Ragged, *, live: Mask | None = None) -> Slates:
        """The given candidates of each query that filters allow, best value first."""
        return self._run(RANK, queries, len(self.items), Eligibility(live), given)

    def predict(self, queries: Queries, pairs: Ragged) -> Slates:
        """The given items of each query, all of them in their order, with the ranker's probabilities."""
        return self._run(PREDICT, queries, len(self.items), Eligibility(), pairs)

    def run_until(
        self, queries: Queries, n: int, *, until: StageFunction, eligibility: Eligibility | None = None
    ) -> PathState:
        """The state of one block of queries after the stage ``until``: what training and explain read."""
        state = PathState(queries, n, eligibility or Eligibility())
        return self._through(_stages(queries), state, until)

    def _run(
        self,
        stages: Sequence[StageFunction],
        queries: Queries,
        n: int,
        eligibility: Eligibility,
        given: Ragged | None = None,
        excluded: Ragged | None = None,
    ) -> Slates:
        if len(queries) <= QUERY_BLOCK:
            state = PathState(queries, n, eligibility, given, excluded)
            return _slates(self._through(stages, state))
        blocks = []
        for first in range(0, len(queries), QUERY_BLOCK):
            rows = np.arange(first, min(first + QUERY_BLOCK, len(queries)))
            state = PathState(queries.take(rows), n, eligibility)
            state.given = None if given is None else given.take(rows)
            state.excluded = None if excluded is None else excluded.take(rows)
            blocks.append(_slates(self._through(stages, state), first))
        return Slates.joined(blocks)

    def _through(
        self, stages: Sequence[StageFunction], state: PathState, until: StageFunction | None = None
    ) -> PathState:
        for stage in stages:
            start, before = perf_counter(), len(state.candidates)
            stage(self, state)
            milliseconds = (perf_counter() - start) * 1000
            state.trace.append(Stage(stage.__name__, before, len(state.candidates), milliseconds))
            if stage is until:
                break
        return state


def _stages(queries: Queries) -> tuple[StageFunction, ...]:
    return RECOMMEND if queries.search is None else SEARCH


def _slates(state: PathState, first_row: int = 0) -> Slates:
    """What the path made of a block of queries that begins at ``first_row`` of its batch."""
    kept = state.candidates
    return Slates(
        rows=kept.rows + first_row if first_row else kept.rows,
        items=kept.items,
        values=state.values,
        probabilities=state.probabilities,
        retrieved_by=kept.retrieved_by,
        scores=kept.scores,
        because=np.full(len(kept), -1, np.int32) if state.because is None else state.because,
        reasons=state.reasons or ("",) * len(kept),
        stages=tuple(state.trace),
        degraded=tuple(state.degraded),
    )
