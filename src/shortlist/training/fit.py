"""Fit a pipeline: sources first, then rankers on what those sources retrieve.

A ranker's examples are made by the pipeline's own retrieval at an earlier moment: sources are fitted on each
history up to there, propose candidates as they would have done then, and what came after labels them. Then the
sources are fitted again, on everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.threads import one_blas_thread
from shortlist.base.types import Positions
from shortlist.base.users import NO_USERS, Users
from shortlist.features.features import Features
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.system.contracts import (
    Component,
    Examples,
    FittedSource,
    Source,
    TrainingData,
    TrainingOptions,
)
from shortlist.system.system import System
from shortlist.training.examples import build_examples, whole
from shortlist.training.fitted_cache import key_of
from shortlist.training.prediction import prediction_examples, prediction_rows
from shortlist.training.run import TrainingRun
from shortlist.training.train_test_task import TrainTestTask, train_test_task

# Events or examples from which BLAS may use all cores in a fit. Below, its threads mostly wait for each other: all
# sources of a fit on 100 thousand ratings take 7.8 s of CPU on two cores and 3.2 s on one.
MULTITHREADED = 5_000_000


@dataclass(frozen=True)
class Trained:
    """What was fitted: one pipeline without a ranker, and one with each declared ranker."""

    retrieval: Pipeline
    rankers: Mapping[str, Pipeline]  # ranker's name -> the whole pipeline with it
    seconds: Mapping[str, float]  # component's name -> training time
    examples: int  # rows the rankers were fitted on


def fit(
    system: System,
    items: Items,
    histories: Histories,
    *,
    users: Users = NO_USERS,
    contexts: Contexts = NO_CONTEXTS,
    run: TrainingRun | None = None,
) -> Trained:
    """Fit everything that ``system`` declares on ``histories`` (one row per user).

    ``contexts`` are the vocabularies of ``histories.context``. Raises DataError where there is nothing to fit on.
    """
    data = TrainingData(histories, items, users, system.objectives, contexts)
    return fit_data(system, data, run or TrainingRun(), "the pipeline")


def fit_data(
    system: System, data: TrainingData, run: TrainingRun, purpose: str, *, validate: bool = False
) -> Trained:
    """Fit everything on ``data``; ``purpose`` is for progress; ``validate``: see `ranker_examples`."""
    run.events = max(run.events, len(data.histories.items))
    if system.events and not len(data.histories.items):
        raise DataError("there is not one event on an item of the catalogue: there is nothing to fit on")
    if not system.sources:
        pipeline = fit_sources(system, data, run, purpose)
        rows = prediction_rows(system, data)
        return fit_rankers(system, pipeline, prediction_examples(system, pipeline, data, rows, run), run)
    examples = ranker_examples(system, data, run, validate=validate) if system.rankers else None
    return fit_rankers(system, fit_sources(system, data, run, purpose), examples, run)


def fit_rankers(system: System, retrieval: Pipeline, examples: Examples | None, run: TrainingRun) -> Trained:
    """``retrieval`` with each declared ranker, fitted on ``examples``."""
    if examples is None:
        return Trained(retrieval, {}, dict(run.seconds), 0)
    rankers = {}
    for ranker in system.rankers:
        start = perf_counter()
        with (
            run.progress.step(f"fitting {ranker.name} on {len(examples):,} examples"),
            blas_threads(len(examples)),
        ):
            own = examples if ranker.uses_validation else whole(examples)
            rankers[ranker.name] = replace(retrieval, ranker=ranker.fit(own, _options(system, ranker, run)))
        run.seconds[ranker.name] = perf_counter() - start
    return Trained(retrieval, rankers, dict(run.seconds), len(examples))


def ranker_examples(
    system: System, data: TrainingData, run: TrainingRun, *, validate: bool = False
) -> Examples:
    """The examples that the newer part of ``data`` gives; the same data gives the same ones, built once in a run.

    With ``validate`` the sources that retrieve them have the newer part as their validation part. Only inside an
    evaluation: its own sources are fitted on the same older part as those that make the release's examples, and must
    not read the newer part, which is what they are evaluated on.
    """
    parts = (system.sources, system.features, system.filters, system.events, system.objectives, system.seed)

    def build() -> Examples:
        task = train_test_task(system, data)
        older = replace(task.data, validation=task.next_events) if validate else task.data
        return examples_of(system, fit_sources(system, older, run, "examples for the rankers"), task, run)

    return run.cache.examples(key_of(parts, data, validate), build)


def examples_of(system: System, pipeline: Pipeline, task: TrainTestTask, run: TrainingRun) -> Examples:
    """What ``pipeline`` retrieves for the rows of ``task``, as of their moments."""
    with run.progress.step("building examples for the rankers", len(task), "users") as step:
        return build_examples(system, pipeline.as_of(task.log), task, step)


def fit_sources(
    system: System, data: TrainingData, run: TrainingRun | None = None, purpose: str = "the pipeline"
) -> Pipeline:
    """A pipeline without a ranker; sources that this run has fitted on the same data are taken from its cache."""
    run = run or TrainingRun()
    run.events = max(run.events, len(data.histories.items))
    key = key_of(data)
    which = ""
    if system.sources and not run.cache.has_sources(system.sources, key, system.seed):
        which = run.next_fit(data, purpose)
    slots = []
    for source in system.sources:
        options = _options(system, source, run)
        timed = run.cache.source(
            source, key, options.seed, partial(_fit_source, source, data, options, which)
        )
        run.seconds[source.name] = timed.seconds
        slots.append(SourceSlot(source.name, source.quota, timed.result))
    with run.progress.step("preparing features"):
        features = Features.fit(system, data)
    return Pipeline(
        items=data.items,
        events=tuple(event.name for event in system.events),
        objectives=tuple(objective.name for objective in system.objectives),
        weights=np.array([objective.weight for objective in system.objectives], np.float32),
        sources=tuple(slots),
        popular=most_popular(data.histories, data.items),
        features=features,
        filters=tuple(each.fit(data.items) for each in system.filters),
        order=tuple(each.fit(data.items) for each in system.order),
    )


def _options(system: System, component: Component, run: TrainingRun) -> TrainingOptions:
    """The run's options with the System's seed, and a checkpoint folder for each component."""
    folder = run.options.checkpoints
    return replace(
        run.options, seed=system.seed, checkpoints=None if folder is None else folder / component.name
    )


def _fit_source(source: Source, data: TrainingData, options: TrainingOptions, which: str) -> FittedSource:
    with options.progress.step(f"fitting {source.name} {which}"), blas_threads(len(data.histories.items)):
        return source.fit(data, options)


def blas_threads(rows: int) -> AbstractContextManager[None]:
    """One thread for a fit on few rows; a component may set its own number inside."""
    return one_blas_thread() if rows < MULTITHREADED else nullcontext()


def most_popular(histories: Histories, items: Items) -> Positions:
    """Every item, the one with the most events first."""
    counts = np.bincount(histories.items, minlength=len(items))
    return np.argsort(-counts, kind="stable").astype(np.int32)
