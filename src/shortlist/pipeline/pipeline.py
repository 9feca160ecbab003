"""Everything that turns queries into slates, as one immutable object that runs the path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.base.errors import InvalidRequestError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Queries, Ragged
from shortlist.base.types import Floats, Mask, Positions
from shortlist.features.features import Features
from shortlist.pipeline.path import PREDICT, RANK, RECOMMEND, SEARCH, StageFunction, reasons
from shortlist.pipeline.slate import Slates, Stage
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.pipeline.state import Eligibility, PathState
from shortlist.system.contracts import FittedFilter, FittedOrder, FittedRanker

QUERY_BLOCK = 256  # queries that go through the stages together; bounds the memory of large batches


@dataclass(frozen=True)
class Pipeline:
    """The parts of the request path. Immutable: a new release, or a grown catalogue, is a new pipeline."""

    items: Items
    events: tuple[str, ...]  # names; an event's code is its index here
    objectives: tuple[str, ...]
    weights: Floats  # float32[objectives], the value model
    sources: tuple[SourceSlot, ...]
    popular: Positions  # every item, most popular first: what fills a slate up
    features: Features
    ranker: FittedRanker | None = None  # None: candidates are ordered by reciprocal rank fusion
    filters: tuple[FittedFilter, ...] = ()
    order: tuple[FittedOrder, ...] = ()

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

    def as_of(self, histories: Histories) -> Pipeline:
        """The same with features read as of each query's moment in a log: for training and evaluation."""
        return replace(self, features=self.features.as_of(histories))

    def with_new_items(
        self, items: Items, filters: tuple[FittedFilter, ...], order: tuple[FittedOrder, ...]
    ) -> Pipeline:
        """The same over ``items``, the catalogue with more at its end, with rules that are bound to it.

        Sources that cannot take new items in go on without them.
        """
        before = len(self.items)
        return replace(
            self,
            items=items,
            sources=tuple(source.with_new_items(items, before) for source in self.sources),
            popular=np.concatenate([self.popular, np.arange(before, len(items), dtype=np.int32)]),
            features=self.features.with_new_items(items),
            filters=filters,
            order=order,
        )

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
            return Slates.from_state(self._through(stages, state))
        blocks = []
        for first in range(0, len(queries), QUERY_BLOCK):
            rows = np.arange(first, min(first + QUERY_BLOCK, len(queries)))
            state = PathState(queries.take(rows), n, eligibility)
            state.given = None if given is None else given.take(rows)
            state.excluded = None if excluded is None else excluded.take(rows)
            blocks.append(Slates.from_state(self._through(stages, state), first))
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
