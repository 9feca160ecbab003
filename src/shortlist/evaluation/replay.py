"""Replay queries with known positives through the real pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.progress import Step
from shortlist.base.queries import Queries, Ragged, Retrieved
from shortlist.base.threads import one_thread
from shortlist.base.types import AnyArray, Rows
from shortlist.evaluation.evaluated_model import Latency
from shortlist.evaluation.evaluation import RecallCeiling
from shortlist.pipeline.path import RECOMMEND, SEARCH, StageFunction, allow, hydrate, merge, reasons, retrieve
from shortlist.pipeline.pipeline import QUERY_BLOCK, Pipeline
from shortlist.pipeline.state import PathState
from shortlist.system.contracts import FittedRanker

DEPTH = 20  # length of the lists that are evaluated
WARM_UP = 20  # requests before latency is measured
NOTHING_RETRIEVED = Retrieved(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
ALL_SOURCES = "all together"  # the name of the union of all sources among recall ceilings


@dataclass(frozen=True)
class EvaluationSet:
    """Queries with known positives."""

    rows: Rows  # int64[queries], the task's row of each
    queries: Queries
    truth: Ragged  # the positives of each query

    def __len__(self) -> int:
        return len(self.rows)


def evaluation_set(
    pipeline: Pipeline, queries: Callable[[AnyArray], Queries], positives: Ragged
) -> EvaluationSet:
    """The rows of ``positives`` that have some which ``pipeline`` may return; ``queries`` makes the queries of rows.

    Items that the filters drop (already seen, say) are no positives. Raises DataError where no row is left.
    """
    count = np.int64(len(pipeline.items))
    keys = np.unique(positives.rows * count + positives.items)
    rows, items = keys // count, (keys % count).astype(np.int32)
    keep = np.zeros(len(keys), bool)
    for block in _blocks(len(positives.offsets) - 1):
        state = pipeline.run_until(queries(block), 1, until=allow)
        span = slice(*np.searchsorted(rows, [block[0], block[-1] + 1]))
        keep[span] = state.allowed.keep(rows[span] - block[0], items[span])
    rows, items = rows[keep], items[keep]
    kept = np.unique(rows)
    if not len(kept):
        raise DataError("no user chose anything new after the split: there is nothing to evaluate on")
    offsets = np.concatenate([np.searchsorted(rows, kept), [len(rows)]])
    return EvaluationSet(kept, queries(kept), Ragged(offsets, items))


@dataclass(frozen=True)
class Replay:
    """What one pass over an evaluation set gave, of which everything else is computed."""

    sources: Mapping[str, Retrieved]  # the lists of each source alone, filled up as the pipeline does
    rankers: Mapping[str, Retrieved]  # the lists of the whole pipeline with each ranker
    retrieved: Mapping[str, Retrieved]  # the candidates of each source and of ALL_SOURCES, before ranking


def replay(
    pipeline: Pipeline,
    rankers: Mapping[str, FittedRanker | None],
    evaluation_set: EvaluationSet,
    step: Step,
    n: int = DEPTH,
) -> Replay:
    """The lists of ``n`` items that ``pipeline`` makes with each of ``rankers``, and with each source alone.

    The lists equal those of ``Pipeline.recommend``; queries are encoded, retrieved, merged and hydrated once for
    all of them. ``pipeline`` reads features as of the queries' moments. Advances ``step`` by queries.
    """
    stages = RECOMMEND if evaluation_set.queries.search is None else SEARCH
    to_hydrate = stages[stages.index(merge) + 1 : stages.index(hydrate) + 1]
    to_list = [stage for stage in stages[stages.index(hydrate) + 1 :] if stage is not reasons]
    ranked = {name: replace(pipeline, ranker=ranker) for name, ranker in rankers.items()}
    names = [slot.name for slot in pipeline.sources]
    single = [replace(pipeline, sources=(slot,), ranker=None, order=()) for slot in pipeline.sources]
    alone_lists: dict[str, list[Retrieved]] = {name: [] for name in names}
    ranker_lists: dict[str, list[Retrieved]] = {name: [] for name in ranked}
    retrieved: dict[str, list[Retrieved]] = {name: [] for name in [*names, ALL_SOURCES]}
    with one_thread():
        for block in _blocks(len(evaluation_set)):
            state = pipeline.run_until(evaluation_set.queries.take(block), n, until=retrieve)
            for source, (name, alone) in enumerate(zip(names, single, strict=True)):
                own = state.retrieved.get(source, NOTHING_RETRIEVED)
                retrieved[name].append(_shifted(own, block))
                listed = _run(alone, _only(state, source), [merge, *to_hydrate, *to_list])
                alone_lists[name].append(_candidates(listed, block))
            state = _run(pipeline, state, [merge])
            retrieved[ALL_SOURCES].append(_candidates(state, block))
            state = _run(next(iter(ranked.values()), pipeline), state, to_hydrate)  # the same for all rankers
            for name, each in ranked.items():
                ranker_lists[name].append(_candidates(_run(each, _copy(state), to_list), block))
            step.advance(len(block))
    return Replay(
        *(
            {name: Retrieved.joined(blocks) for name, blocks in group.items()}
            for group in (alone_lists, ranker_lists, retrieved)
        )
    )


def replay_whole(pipeline: Pipeline, evaluation_set: EvaluationSet, n: int = DEPTH) -> Retrieved:
    """The lists of a pipeline that shares nothing with others."""
    with one_thread():
        slates = pipeline.recommend(evaluation_set.queries, n, with_reasons=False)
    return Retrieved(slates.rows, slates.items, slates.values)


def _blocks(rows: int) -> Iterator[Rows]:
    for first in range(0, rows, QUERY_BLOCK):
        yield np.arange(first, min(first + QUERY_BLOCK, rows))


def _candidates(state: PathState, block: Rows) -> Retrieved:
    return _shifted(Retrieved(state.candidates.rows, state.candidates.items, state.values), block)


def _shifted(part: Retrieved, block: Rows) -> Retrieved:
    """The part of a block with its rows among all rows."""
    return Retrieved(part.rows + block[0], part.items, part.scores)


def _run(pipeline: Pipeline, state: PathState, stages: Iterable[StageFunction]) -> PathState:
    for stage in stages:
        stage(pipeline, state)
    return state


def _copy(state: PathState) -> PathState:
    """A state to go on from without changing ``state``; stages replace arrays and never write into them."""
    copied = PathState(state.queries, state.n, state.eligibility, state.given)
    copied.allowed = state.allowed
    copied.encoded, copied.retrieved = dict(state.encoded), dict(state.retrieved)
    copied.candidates, copied.inputs = state.candidates, state.inputs
    copied.probabilities, copied.values = state.probabilities, state.values
    return copied


def _only(state: PathState, source: int) -> PathState:
    """The state after retrieval as if ``source``, an index, were the only one."""
    alone = _copy(state)
    alone.encoded = {0: state.encoded[source]} if source in state.encoded else {}
    alone.retrieved = {0: state.retrieved[source]} if source in state.retrieved else {}
    return alone


def latency(
    pipeline: Pipeline, evaluation_set: EvaluationSet, step: Step, requests: int = 200, n: int = DEPTH
) -> Latency:
    """Milliseconds of single requests in process, on one thread. Advances ``step`` by requests."""
    return time_requests(
        lambda query: pipeline.recommend(query, n),
        evaluation_set.queries,
        len(evaluation_set),
        step,
        requests,
    )


def time_requests(
    request: Callable[[Queries], object], queries: Queries, count: int, step: Step, requests: int = 200
) -> Latency:
    """Milliseconds of ``request`` with one query at a time of ``count``, on one thread, after a warm-up."""
    with one_thread():
        milliseconds = []
        for i in range(WARM_UP + requests):
            query = queries.take(np.array([i % count]))
            start = perf_counter()
            request(query)
            milliseconds.append((perf_counter() - start) * 1000)
            step.advance()
    return Latency(*(float(x) for x in np.quantile(milliseconds[WARM_UP:], [0.5, 0.99])))


def recall_ceilings(
    replayed: Replay, truth: Ragged, sizes: Sequence[int] = (10, 20, 50, 100, 200)
) -> list[RecallCeiling]:
    """The share of the positives that each source retrieves, and all of them together."""
    return [
        RecallCeiling.of(name, retrieved, truth, sizes if name != ALL_SOURCES else ())
        for name, retrieved in replayed.retrieved.items()
    ]
