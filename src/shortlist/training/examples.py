"""Examples for rankers: candidates as the pipeline retrieves them at an earlier moment, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.progress import Step
from shortlist.base.queries import Candidates, Queries
from shortlist.base.threads import one_thread
from shortlist.base.types import AnyArray, Floats, Mask, Rows
from shortlist.pipeline.path import hydrate
from shortlist.pipeline.pipeline import Pipeline
from shortlist.system.contracts import CategoricalColumn, Examples, RankerInputs
from shortlist.system.system import System
from shortlist.training.train_test_task import TrainTestTask

MAX_EXAMPLES = 2_000_000  # rows a ranker is fitted on; queries that would give more are sampled
QUERY_BLOCK = 256  # queries that are retrieved together; bounds memory
VALIDATION = 0.05  # of the queries are the validation part of the examples
MIN_VALIDATION = 20  # queries; with fewer there is no validation part


def build_examples(
    system: System, pipeline: Pipeline, task: TrainTestTask, step: Step | None = None
) -> Examples:
    """One example for each candidate that ``pipeline`` retrieves for a row of ``task`` with any positive.

    Whole queries are sampled, by the System's seed, where they give more than `MAX_EXAMPLES`; no negative is
    sampled away, so that probabilities stay calibrated. Some queries are the validation part. Advances ``step`` by
    queries. Raises DataError where no row has a positive.
    """
    rows = np.flatnonzero(np.diff(task.positives.offsets) > 0)
    if not len(rows):
        raise DataError("no objective is ever fulfilled in the newer part: there is nothing to rank by")
    most = max(1, MAX_EXAMPLES // sum(source.quota for source in pipeline.sources))
    return with_validation(
        np.random.default_rng(system.seed).permutation(rows)[:most],
        lambda some: _of_rows(system, pipeline, task, some, step or Step()),
    )


def with_validation(shuffled: Rows, build: Callable[[Rows], Examples]) -> Examples:
    """Examples of the ``shuffled`` rows, the last few of which are their validation part."""
    held_out = round(len(shuffled) * VALIDATION)
    if held_out < MIN_VALIDATION:
        return build(np.sort(shuffled))
    return replace(build(np.sort(shuffled[:-held_out])), validation=build(np.sort(shuffled[-held_out:])))


def whole(examples: Examples) -> Examples:
    """All examples as one part: for rankers that hold nothing out."""
    held_out = examples.validation
    if held_out is None:
        return examples
    parts = [examples.inputs, held_out.inputs]
    queries = [part.queries for part in parts if part.queries is not None]
    return Examples(
        concatenated(parts, Queries.stacked(queries), len(queries[0])),
        np.concatenate([examples.labels, held_out.labels]),
        examples.objectives,
    )


def _of_rows(system: System, pipeline: Pipeline, task: TrainTestTask, rows: Rows, step: Step) -> Examples:
    count = np.int64(len(pipeline.items))
    keys = task.positives.rows * count + task.positives.items
    parts, labels = [], []
    with one_thread():
        for first in range(0, len(rows), QUERY_BLOCK):
            block = rows[first : first + QUERY_BLOCK]
            queries = task.queries(block)
            state = pipeline.run_until(queries, 1, until=hydrate)
            parts.append(pipeline.features(queries, state.candidates))
            labels.append(_labels(state.candidates, block, keys, task.labels, count))
            step.advance(len(block))
    objectives = tuple(objective.name for objective in system.objectives)
    return Examples(concatenated(parts, task.queries(rows), QUERY_BLOCK), np.concatenate(labels), objectives)


def _labels(candidates: Candidates, rows: Rows, keys: AnyArray, fulfilled: Mask, count: np.int64) -> Floats:
    """1 where the query's user fulfilled the objective with the candidate, float32[candidates, objectives]."""
    pairs = rows[candidates.rows] * count + candidates.items
    columns = [np.isin(pairs, keys[objective]) for objective in fulfilled.T]
    return np.stack(columns, axis=1).astype(np.float32)


def concatenated(parts: Sequence[RankerInputs], queries: Queries, block: int) -> RankerInputs:
    """The inputs of consecutive blocks of ``block`` queries each as those of all ``queries``."""
    return RankerInputs(
        np.concatenate([part.numeric for part in parts]),
        parts[0].names,
        np.concatenate([part.rows + index * block for index, part in enumerate(parts)]),
        np.concatenate([part.items for part in parts]),
        queries,
        lambda: _categorical(parts),
    )


def _categorical(parts: Sequence[RankerInputs]) -> Mapping[str, CategoricalColumn]:
    read = [part.categorical for part in parts]
    return {
        name: CategoricalColumn(np.concatenate([columns[name].codes for columns in read]), column.vocabulary)
        for name, column in read[0].items()
    }
