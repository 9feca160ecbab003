"""Ask the real pipeline what it would have answered, and keep what is needed to judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.queries import Queries, Ragged, Retrieved
from shortlist.base.threads import one_thread
from shortlist.base.types import AnyArray, Rows
from shortlist.evaluation.evaluated_model import Latency
from shortlist.evaluation.evaluation import Ceiling
from shortlist.pipeline.path import allow, merge
from shortlist.pipeline.pipeline import QUERY_BLOCK, Pipeline

DEPTH = 20  # how far down slates are judged
WARM = 20  # requests before the clock counts


@dataclass(frozen=True)
class EvaluationSet:
    """Queries with known answers: askers for whom something turned out right that may be shown."""

    askers: Rows  # int64[rows], among those who could be asked
    queries: Queries
    truth: Ragged


def evaluation_set(
    pipeline: Pipeline, queries: Callable[[AnyArray], Queries], right: Ragged
) -> EvaluationSet:
    """The questions that the rows of ``right`` pose to ``pipeline``; ``queries`` makes some rows' queries.

    What the filters never show (things already seen, say) is no answer. Raises DataError where nobody is left.
    """
    count = np.int64(len(pipeline.items))
    keys = np.unique(right.rows * count + right.items)
    rows, items = keys // count, (keys % count).astype(np.int32)
    keep = np.zeros(len(keys), bool)
    for first in range(0, len(right.offsets) - 1, QUERY_BLOCK):
        block = np.arange(first, min(first + QUERY_BLOCK, len(right.offsets) - 1))
        state = pipeline.run_until(queries(block), 1, until=allow)
        span = slice(*np.searchsorted(rows, [first, first + len(block)]))
        keep[span] = state.allowed.keep(rows[span] - first, items[span])
    rows, items = rows[keep], items[keep]
    askers = np.unique(rows)
    if not len(askers):
        raise DataError("nobody chose anything new after the split: there is nothing to evaluate on")
    offsets = np.concatenate([np.searchsorted(rows, askers), [len(rows)]])
    return EvaluationSet(askers, queries(askers), Ragged(offsets, items))


def replay(pipeline: Pipeline, evaluation_set: EvaluationSet, n: int = DEPTH) -> Retrieved:
    """The slates of all queries, as lists to be judged."""
    with one_thread():
        slates = pipeline.recommend(evaluation_set.queries, n)
    return Retrieved(slates.rows, slates.items, slates.values)


def latency(
    pipeline: Pipeline, evaluation_set: EvaluationSet, requests: int = 200, n: int = DEPTH
) -> Latency:
    """Milliseconds of single requests in process, on one thread."""
    with one_thread():
        spent = []
        for i in range(WARM + requests):
            query = evaluation_set.queries.take(np.array([i % len(evaluation_set.askers)]))
            start = perf_counter()
            pipeline.recommend(query, n)
            spent.append((perf_counter() - start) * 1000)
    return Latency(*(float(x) for x in np.quantile(spent[WARM:], [0.5, 0.99])))


def ceilings(
    pipeline: Pipeline, evaluation_set: EvaluationSet, sizes: Sequence[int] = (10, 20, 50, 100, 200)
) -> list[Ceiling]:
    """How much of the truth each source retrieves, and all of them together."""
    blocks: list[list[Retrieved]] = []
    with one_thread():
        for first in range(0, len(evaluation_set.askers), QUERY_BLOCK):
            rows = np.arange(first, min(first + QUERY_BLOCK, len(evaluation_set.askers)))
            state = pipeline.run_until(evaluation_set.queries.take(rows), 1, until=merge)
            found = [state.retrieved[place] for place in range(len(pipeline.sources))]
            found.append(Retrieved(state.candidates.rows, state.candidates.items, state.values))
            blocks.append([Retrieved(each.rows + first, each.items, each.scores) for each in found])
    names = [*(source.name for source in pipeline.sources), "all together"]
    return [
        Ceiling.of(
            name, Retrieved.joined(parts), evaluation_set.truth, sizes if name != "all together" else ()
        )
        for name, parts in zip(names, zip(*blocks, strict=True), strict=True)
    ]
