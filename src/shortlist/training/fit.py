"""Learn a pipeline: sources first, then rankers on what those sources retrieve.

A ranker's examples are made by the pipeline's own retrieval at an earlier moment: sources learn from each
history up to there, propose candidates as they would have done then, and what came after says which of
them were right. Then the sources learn again, from everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates
from shortlist.base.threads import one_thread
from shortlist.base.types import Floats
from shortlist.features.features import Features
from shortlist.pipeline.path import hydrate
from shortlist.pipeline.pipeline import QUERY_BLOCK, Pipeline
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.system.contracts import Examples, RankerInputs, TrainingData, TrainingOptions
from shortlist.system.system import System
from shortlist.training.train_test_task import TrainTestTask, train_test_task

EXAMPLES = 2_000_000  # rows a ranker learns from at most; more people than that needs are sampled

Tell = Callable[[str], None]  # hears what is being done, for progress


@dataclass(frozen=True)
class Trained:
    """What was learned: one pipeline without a ranker, and one fitted ranker per declared ranker."""

    retrieval: Pipeline
    rankers: Mapping[str, Pipeline]  # ranker's name -> the whole pipeline with it
    seconds: Mapping[str, float]  # component's name -> training time
    examples: int  # rows the rankers learned from


def fit(
    system: System,
    items: Items,
    histories: Histories,
    tell: Tell = lambda _: None,
    contexts: Contexts = NO_CONTEXTS,
) -> Trained:
    """Learn everything that ``system`` declares from ``histories`` (one row per user).

    ``contexts`` has the words that the codes in ``histories.context`` stand for. Raises DataError where
    nothing can be learned.
    """
    seconds: dict[str, float] = {}
    examples: Examples | None = None
    if system.rankers:
        learned = train_test_task(system, items, histories)
        early = fit_sources(system, learned.items, learned.histories, seconds, tell, contexts)
        tell("building examples")
        examples = build_examples(system, early.as_of(histories), learned)
    elif system.events and not len(histories.items):
        raise DataError("there is not one event on an item of the catalogue: nothing can be learned")
    retrieval = fit_sources(system, items, histories, seconds, tell, contexts)
    rankers = {}
    for ranker in system.rankers:
        assert examples is not None
        tell(f"learning {ranker.name}")
        start = perf_counter()
        fitted = ranker.fit(examples, TrainingOptions(seed=system.seed))
        seconds[ranker.name] = perf_counter() - start
        rankers[ranker.name] = replace(retrieval, ranker=fitted)
    return Trained(retrieval, rankers, seconds, len(examples) if examples else 0)


def fit_sources(
    system: System,
    items: Items,
    histories: Histories,
    seconds: dict[str, float],
    tell: Tell = lambda _: None,
    contexts: Contexts = NO_CONTEXTS,
) -> Pipeline:
    """A pipeline without a ranker. Adds each source's training time to ``seconds``."""
    data = TrainingData(histories, items, objectives=system.objectives, contexts=contexts)
    options, placed = TrainingOptions(seed=system.seed), []
    for source in system.sources:
        tell(f"learning {source.name}")
        start = perf_counter()
        placed.append(SourceSlot(source.name, source.quota, source.fit(data, options)))
        seconds[source.name] = perf_counter() - start
    return Pipeline(
        items=items,
        events=tuple(event.name for event in system.events),
        objectives=tuple(objective.name for objective in system.objectives),
        weights=np.array([objective.weight for objective in system.objectives], np.float32),
        sources=tuple(placed),
        popular=most_popular(histories, items),
        features=Features.fit(system, data),
        filters=tuple(each.fit(items) for each in system.filters),
        order=tuple(each.fit(items) for each in system.order),
    )


def most_popular(histories: Histories, items: Items) -> np.ndarray:
    """Every item, the one with the most events first."""
    counts = np.bincount(histories.items, minlength=len(items))
    return np.argsort(-counts, kind="stable").astype(np.int32)


def build_examples(system: System, pipeline: Pipeline, learned: TrainTestTask) -> Examples:
    """What rankers learn from.

    One example for each candidate that ``pipeline`` retrieves for a row of ``learned`` for which anything
    turned out right; rows are sampled by the System's seed where that gives more than EXAMPLES.
    """
    right = learned.right
    askers = np.flatnonzero(np.diff(right.offsets) > 0)
    if not len(askers):
        raise DataError(
            "no objective is ever reached in the newer part of the log: there is nothing to rank by"
        )
    most = max(1, EXAMPLES // sum(source.quota for source in pipeline.sources))
    askers = np.sort(np.random.default_rng(system.seed).permutation(askers)[:most])
    count = np.int64(len(pipeline.items))
    keys = right.rows * count + right.items
    numeric, groups, items, targets = [], [], [], []
    with one_thread():
        for first in range(0, len(askers), QUERY_BLOCK):
            rows = askers[first : first + QUERY_BLOCK]
            queries = learned.queries(rows)
            state = pipeline.run_until(queries, 1, until=hydrate)
            inputs = pipeline.features(queries, state.candidates)
            numeric.append(inputs.numeric)
            groups.append(inputs.rows + first)
            items.append(inputs.items)
            targets.append(_targets(state.candidates, rows, keys, learned.achieved, count))
    columns = (
        np.concatenate(numeric),
        pipeline.features.names,
        np.concatenate(groups),
        np.concatenate(items),
    )
    objectives = tuple(objective.name for objective in system.objectives)
    return Examples(RankerInputs(*columns), np.concatenate(targets), objectives)


def _targets(
    candidates: Candidates, rows: np.ndarray, keys: np.ndarray, achieved: np.ndarray, count: np.int64
) -> Floats:
    """1 where the asker reached the objective with the candidate."""
    wanted = rows[candidates.rows] * count + candidates.items
    columns = [np.isin(wanted, keys[objective]) for objective in achieved.T]
    return np.stack(columns, axis=1).astype(np.float32)
