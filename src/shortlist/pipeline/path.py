"""The request path, on one screen.

::

    queries ─▶ allow ─▶ encode ─▶ retrieve ─▶ merge ─▶ fill ─▶ hydrate ─▶ rank ─▶ arrange ─▶ slates

Each stage is a function of the pipeline and the work at hand; ``RECOMMEND``, ``SEARCH`` (which fills nothing
up) and ``RANK`` are lists of them.
Everything is columnar and works on batches: a request is a batch of one, evaluation a batch of thousands,
and both go through this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.base.errors import InvalidRequestError, UnavailableError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Candidates, Queries, Ragged, Retrieved
from shortlist.base.types import AnyArray, Floats, Mask, Positions, Rows
from shortlist.features.features import Features
from shortlist.pipeline.merge import fill_in, merged
from shortlist.pipeline.slate import Slates, Stage
from shortlist.rules.where import where_mask
from shortlist.system.contracts import (
    DescribesCandidates,
    ExplainsWithHistory,
    FittedFilter,
    FittedOrder,
    FittedRanker,
    FittedSource,
    GrowsWithCatalogue,
    RankerInputs,
)

StageFunction = Callable[["Pipeline", "PathState"], None]
AT_ONCE = 256  # queries that go through the stages together; bounds the memory of large batches


@dataclass(frozen=True)
class SourceSlot:
    """A fitted source in its place in the pipeline."""

    name: str
    quota: int
    fitted: FittedSource
    known: int | None = None  # it knows the items before this position; None: all

    def search(self, encoded: Any, n: int, allowed: Allowed) -> Retrieved:
        """At least the quota of those allowed items that it knows."""
        return self.fitted.search(encoded, max(self.quota, n), allowed.first(self.known))

    def with_new_items(self, items: Items, known: int) -> SourceSlot:
        """In the same place of a pipeline whose catalogue goes on after ``known`` items."""
        fitted = self.fitted
        if self.known is not None or not isinstance(fitted, GrowsWithCatalogue):
            return replace(self, known=known if self.known is None else self.known)
        return replace(self, fitted=fitted.with_new_items(items, known))

    def score(self, encoded: Any, rows: Rows, items: Positions) -> Floats:
        """Its score of each pair; NaN for items that it does not know."""
        if self.known is None:
            return self.fitted.score(encoded, rows, items)
        old = items < self.known
        scores = np.full(len(items), np.nan, np.float32)
        scores[old] = self.fitted.score(encoded, rows[old], items[old])
        return scores


@dataclass(frozen=True)
class Pipeline:
    """Everything that turns queries into slates. Immutable: a new release is a new pipeline."""

    items: Items
    events: tuple[str, ...]  # names; an event's code is its place here
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
    ) -> Slates:
        """The slate of each query: ``n`` items wherever that many are eligible.

        Queries that ask with something (``Queries.search``) are searched for: they get no more than was found.
        ``where`` asks for attributes (see `shortlist.rules.where.asked`), ``live`` bool[items] marks items
        that are not deleted. Raises InvalidRequestError that names the field.
        """
        return self._run(_way(queries), queries, n, self.shared(where, live))

    def rank(self, queries: Queries, given: Ragged, *, live: Mask | None = None) -> Slates:
        """The given candidates of each query that filters allow, best value first."""
        return self._run(RANK, queries, len(self.items), self.shared(None, live), given)

    def predict(self, queries: Queries, items: Ragged) -> Floats:
        """The ranker's probabilities for given (query, item) pairs in their order, float32[pairs, objectives].

        Nothing is filtered or sorted.
        """
        state = PathState(queries, 1, self.shared())
        pairs = np.zeros((len(items.items), len(self.sources)), bool)
        state.candidates = Candidates(items.rows, items.items, pairs.astype(np.float32), pairs)
        self._through((encode, hydrate), state)
        assert self.ranker is not None
        assert state.inputs is not None
        return self.ranker.predict(state.inputs)

    def run_until(
        self, queries: Queries, n: int, *, until: StageFunction, shared: Mask | None = None
    ) -> PathState:
        """The work of one block of queries after the stage ``until``: what training and explain look at."""
        state = PathState(queries, n, self.shared() if shared is None else shared)
        return self._through(_way(queries), state, until)

    def as_of(self, histories: Histories) -> Pipeline:
        """The same with features read as of each query's moment in a log: for training and evaluation."""
        return replace(self, features=self.features.as_of(histories))

    def with_new_items(
        self,
        items: Items,
        histories: Histories,
        filters: tuple[FittedFilter, ...],
        order: tuple[FittedOrder, ...],
    ) -> Pipeline:
        """The same over ``items``, the catalogue with more at its end, with rules that are fitted to it.

        Sources that cannot take new items in do not know them; the features of items begin at the end of
        ``histories``, those of the release, again.
        """
        known = len(self.items)
        return replace(
            self,
            items=items,
            sources=tuple(source.with_new_items(items, known) for source in self.sources),
            popular=np.concatenate([self.popular, np.arange(known, len(items), dtype=np.int32)]),
            features=self.features.with_new_items(items, histories),
            filters=filters,
            order=order,
        )

    def shared(self, where: Mapping[str, Any] | None = None, live: Mask | None = None) -> Mask:
        """What everybody may get, bool[items]."""
        shared = np.ones(len(self.items), bool) if live is None else live.copy()
        for mask in (f.shared() for f in self.filters):
            if mask is not None:
                shared &= mask
        if where:
            shared &= where_mask(where, self.items)
        return shared

    def _run(
        self,
        stages: Sequence[StageFunction],
        queries: Queries,
        n: int,
        shared: Mask,
        given: Ragged | None = None,
    ) -> Slates:
        if n < 1:
            raise InvalidRequestError("n", f"must be at least 1, not {n}")
        blocks = []
        for first in range(0, max(len(queries), 1), AT_ONCE):
            rows = np.arange(first, min(first + AT_ONCE, len(queries)))
            state = PathState(queries.take(rows), n, shared, given.take(rows) if given is not None else None)
            blocks.append(self._slates(self._through(stages, state), first))
        return Slates.joined(blocks)

    def _through(
        self, stages: Sequence[StageFunction], state: PathState, until: StageFunction | None = None
    ) -> PathState:
        for stage in stages:
            start, before = perf_counter(), len(state.candidates)
            stage(self, state)
            state.trace.append(
                Stage(stage.__name__, before, len(state.candidates), (perf_counter() - start) * 1000)
            )
            if stage is until:
                break
        return state

    def _slates(self, state: PathState, first_row: int) -> Slates:
        kept = state.candidates
        return Slates(
            rows=kept.rows + first_row,
            items=kept.items,
            values=state.values,
            probabilities=state.probabilities,
            retrieved_by=kept.retrieved_by,
            scores=kept.scores,
            because=because(self, state),
            reasons=reasons(self, state),
            stages=tuple(state.trace),
            degraded=tuple(state.degraded),
        )


NOTHING = Candidates(
    np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 0), np.float32), np.zeros((0, 0), bool)
)


@dataclass
class PathState:
    """What the stages have made so far of one block of queries."""

    queries: Queries
    n: int
    shared: Mask  # bool[items], what anybody may get
    given: Ragged | None = None  # candidates that the caller brought
    allowed: Allowed = field(init=False)
    encoded: dict[int, Any] = field(default_factory=dict)  # place of a source -> what it made of the queries
    retrieved: dict[int, Retrieved] = field(default_factory=dict)
    candidates: Candidates = NOTHING
    inputs: RankerInputs | None = None  # what the ranker sees of the candidates
    probabilities: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    values: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    trace: list[Stage] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)

    @contextmanager
    def without_if_unavailable(self, place: int, source: SourceSlot) -> Iterator[None]:
        """Go on without a source that cannot answer, and say so; every other error stays loud."""
        try:
            yield
        except UnavailableError as error:
            self.encoded.pop(place, None)
            self.degraded.append(f"source {source.name}: {error}")

    def keep(self, which: AnyArray) -> None:
        """Go on with the candidates at the given places, in that order."""
        self.candidates = self.candidates.take(which)
        self.values = self.values[which]
        self.probabilities = self.probabilities[which] if len(self.probabilities) else self.probabilities


def allow(pipeline: Pipeline, state: PathState) -> None:
    """What may be returned: one mask for everybody, and what single rows must not get."""
    hidden = [each.hidden(state.queries) for each in pipeline.filters]
    state.allowed = Allowed(
        state.shared, Ragged.joined([h for h in hidden if h is not None], len(state.queries))
    )


def encode(pipeline: Pipeline, state: PathState) -> None:
    """Each source makes of the queries what it needs."""
    for place, source in enumerate(pipeline.sources):
        with state.without_if_unavailable(place, source):
            state.encoded[place] = source.fitted.encode(state.queries)


def retrieve(pipeline: Pipeline, state: PathState) -> None:
    """Each source finds its quota of allowed candidates."""
    for place, encoded in list(state.encoded.items()):
        source = pipeline.sources[place]
        with state.without_if_unavailable(place, source):
            state.retrieved[place] = source.search(encoded, state.n, state.allowed)


def merge(pipeline: Pipeline, state: PathState) -> None:
    """Every candidate once, with who found it; the filters have the last word, whatever a source returned."""
    state.candidates, state.values = merged(state.retrieved, len(pipeline.sources), len(pipeline.items))
    state.keep(np.flatnonzero(state.allowed.keep(state.candidates.rows, state.candidates.items)))


def fill(pipeline: Pipeline, state: PathState) -> None:
    """Rows with fewer than n candidates get allowed items by popularity."""
    state.candidates, state.values = fill_in(
        state.candidates, state.values, state.n, pipeline.popular, state.allowed
    )


def take_given(pipeline: Pipeline, state: PathState) -> None:
    """The caller's candidates instead of found ones."""
    assert state.given is not None
    rows, items = state.given.rows, state.given.items
    keys = np.unique(rows * len(pipeline.items) + items)
    rows, items = keys // len(pipeline.items), (keys % len(pipeline.items)).astype(np.int32)
    found = np.zeros((len(keys), len(pipeline.sources)), bool)
    state.candidates = Candidates(rows, items, found.astype(np.float32), found)
    state.values = np.zeros(len(keys), np.float32)
    state.keep(np.flatnonzero(state.allowed.keep(rows, items)))


def hydrate(pipeline: Pipeline, state: PathState) -> None:
    """Every source's score of every candidate, then all features."""
    rows, items = state.candidates.rows, state.candidates.items
    scores = np.full((len(rows), len(pipeline.sources)), np.nan, np.float32)
    for place, encoded in list(state.encoded.items()):
        source = pipeline.sources[place]
        with state.without_if_unavailable(place, source):
            scores[:, place] = source.score(encoded, rows, items)
    state.candidates = replace(state.candidates, scores=scores)
    if pipeline.ranker is not None:
        state.inputs = pipeline.features(state.queries, state.candidates, state.degraded)


def rank(pipeline: Pipeline, state: PathState) -> None:
    """A probability for each objective, and from those and their weights one value; best first."""
    state.probabilities = np.zeros((len(state.candidates), 0), np.float32)
    if pipeline.ranker is not None:
        assert state.inputs is not None
        state.probabilities = pipeline.ranker.predict(state.inputs)
        state.values = state.probabilities @ pipeline.weights
    elif state.given is not None:
        state.values = np.nan_to_num(state.candidates.scores).sum(axis=1)
    state.keep(np.lexsort((state.candidates.items, -state.values, state.candidates.rows)))


def arrange(pipeline: Pipeline, state: PathState) -> None:
    """Diversity and the like, then the first n of each row."""
    for order in pipeline.order:
        state.keep(order.arrange(state.candidates.rows, state.candidates.items, state.values, state.n))
    rows = state.candidates.rows
    state.keep(np.flatnonzero(np.arange(len(rows)) - np.searchsorted(rows, rows) < state.n))


RECOMMEND: tuple[StageFunction, ...] = (allow, encode, retrieve, merge, fill, hydrate, rank, arrange)
SEARCH: tuple[StageFunction, ...] = (allow, encode, retrieve, merge, hydrate, rank, arrange)
RANK: tuple[StageFunction, ...] = (allow, encode, take_given, hydrate, rank)


def _way(queries: Queries) -> tuple[StageFunction, ...]:
    return RECOMMEND if queries.search is None else SEARCH


def because(pipeline: Pipeline, state: PathState) -> Positions:
    """The history item that speaks most for each entry: asked of the sources in their order until one knows."""
    rows, items = state.candidates.rows, state.candidates.items
    reasons = np.full(len(rows), -1, np.int32)
    for place, encoded in state.encoded.items():
        open_ = np.flatnonzero((reasons < 0) & state.candidates.retrieved_by[:, place])
        fitted = pipeline.sources[place].fitted
        if len(open_) and isinstance(fitted, ExplainsWithHistory):
            reasons[open_] = fitted.because(encoded, rows[open_], items[open_])
    return reasons


def reasons(pipeline: Pipeline, state: PathState) -> tuple[str, ...]:
    """What the sources that found an entry have to say about it, in one phrase; often nothing."""
    rows, items, found = state.candidates.rows, state.candidates.items, state.candidates.retrieved_by
    phrases: list[list[str]] = [[] for _ in rows]
    for place, encoded in state.encoded.items():
        fitted = pipeline.sources[place].fitted
        if not isinstance(fitted, DescribesCandidates):
            continue
        mine = np.flatnonzero(found[:, place])
        said = fitted.describe(encoded, rows[mine], items[mine])
        for entry, phrase in zip(mine.tolist(), said, strict=True):
            phrases[entry] += [phrase] if phrase else []
    return tuple("; ".join(each) for each in phrases)
