"""Fit on the older part of a log, replay the newer part through the pipeline, compare, and choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.progress import Step
from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.types import Mask
from shortlist.base.users import NO_USERS, Users
from shortlist.evaluation.evaluated_model import EvaluatedModel, Kind
from shortlist.evaluation.evaluation import Evaluation, RecallCeiling, Sizes, Slice
from shortlist.evaluation.replay import (
    WARM_UP,
    EvaluationSet,
    evaluation_set,
    latency,
    recall_ceilings,
    replay,
    replay_whole,
)
from shortlist.evaluation.select import choose
from shortlist.evaluation.summary import summary
from shortlist.evaluation.variety import variety
from shortlist.features.schema import attributes_of
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.retrieval.popular import Popular
from shortlist.system.contracts import Examples, TrainingData, TrainingOptions
from shortlist.system.system import System
from shortlist.training.evaluate_predictions import evaluate_predictions
from shortlist.training.examples import whole
from shortlist.training.fit import Trained, fit_data, ranker_examples
from shortlist.training.run import TrainingRun
from shortlist.training.train_test_task import TrainTestTask, train_test_task
from shortlist.training.trial import FEW_EVENTS, REQUESTS, Trial, machine, model_size, scores

BASELINE = "popularity"
FUSED = "all sources, fused"  # the pipeline of a system without rankers
HEAVY = 0.9  # quantile of history lengths above which users are heavy


def evaluate(
    system: System,
    items: Items,
    histories: Histories,
    *,
    users: Users = NO_USERS,
    contexts: Contexts = NO_CONTEXTS,
    run: TrainingRun | None = None,
) -> Trial:
    """Compare a baseline, every source alone, and the pipeline with each ranker; choose one to serve.

    A system without sources is evaluated by its predictions. Raises DataError where there is nothing to fit or to
    evaluate on.
    """
    run = run or TrainingRun()
    data = TrainingData(histories, items, users, system.objectives, contexts)
    run.events = max(run.events, len(histories.items))
    return (evaluate_lists if system.sources else evaluate_predictions)(system, data, run)


def evaluate_lists(system: System, data: TrainingData, run: TrainingRun) -> Trial:
    """Evaluate the lists that are returned to queries."""
    task = train_test_task(system, data)
    trained = fit_data(system, task.data, run, "evaluation", validate=True)
    pipelines = _pipelines(system, trained, task)
    with run.progress.step("making the evaluation set"):
        evaluated_on = evaluation_set(trained.retrieval, task.queries, task.positives)
    lists, ceilings = _replayed(trained, pipelines, evaluated_on, task, run)
    models = _measured(system, trained, pipelines, evaluated_on, task, lists, run)
    if system.rankers:
        examples = whole(
            ranker_examples(system, data, run)
        )  # those on which the release's ranker will be fitted
        with run.progress.step("evaluating probabilities", len(models), "models") as step:
            models = [_scored(system, model, trained, examples, step) for model in models]
    with run.progress.step("comparing models"):
        evaluation = _compared(system, data, models, lists, ceilings, evaluated_on, task)
    return Trial(evaluation, trained, evaluated_on, task)


def _compared(
    system: System,
    data: TrainingData,
    models: list[EvaluatedModel],
    lists: dict[str, Retrieved],
    ceilings: list[RecallCeiling],
    evaluated_on: EvaluationSet,
    task: TrainTestTask,
) -> Evaluation:
    """The choice, the summary and the slices."""
    finalists = [each for each in models if each.kind == "pipeline"]
    choice = choose(finalists, system.requirements, seed=system.seed)
    return Evaluation(
        system=system.name,
        split=task.description,
        sizes=Sizes(len(data.histories), len(data.items), len(data.histories.items), len(evaluated_on)),
        models=tuple(models),
        summary=summary(models, choice.name, seed=system.seed),
        task="search" if evaluated_on.queries.search is not None else "recommendation",
        choice=choice,
        recall_ceilings=tuple(ceilings),
        slices=_slices(models, lists, evaluated_on, task),
        measured=machine(),
    )


def _pipelines(system: System, trained: Trained, task: TrainTestTask) -> dict[str, Pipeline]:
    """Every model that is compared, simplest first, as it would serve."""
    retrieval = replace(trained.retrieval, order=())
    pipelines = {}
    if system.events:
        popular = Popular().fit(TrainingData(task.data.histories, retrieval.items), TrainingOptions())
        pipelines[BASELINE] = replace(retrieval, sources=(SourceSlot(BASELINE, 200, popular),))
    pipelines |= {slot.name: replace(retrieval, sources=(slot,)) for slot in retrieval.sources}
    return pipelines | (dict(trained.rankers) if system.rankers else {FUSED: trained.retrieval})


def _replayed(
    trained: Trained,
    pipelines: Mapping[str, Pipeline],
    evaluated_on: EvaluationSet,
    task: TrainTestTask,
    run: TrainingRun,
) -> tuple[dict[str, Retrieved], list[RecallCeiling]]:
    """The lists of every model, and the recall of retrieval."""
    past = trained.retrieval.as_of(task.log)  # as a server would have it, which follows what happens
    rankers = {name: pipeline.ranker for name, pipeline in trained.rankers.items()} or {FUSED: None}
    with run.progress.step("replaying all models", len(evaluated_on), "queries") as step:
        replayed = replay(past, rankers, evaluated_on, step)
        lists = {**replayed.sources, **replayed.rankers}
        if BASELINE in pipelines:
            lists[BASELINE] = replay_whole(pipelines[BASELINE], evaluated_on)
    return lists, recall_ceilings(replayed, evaluated_on.truth)


def _measured(
    system: System,
    trained: Trained,
    pipelines: Mapping[str, Pipeline],
    evaluated_on: EvaluationSet,
    task: TrainTestTask,
    lists: dict[str, Retrieved],
    run: TrainingRun,
) -> list[EvaluatedModel]:
    """Each model with the metrics of its lists, and what it costs."""
    counts = np.bincount(task.data.histories.items, minlength=len(task.data.items))
    words = [name for name in attributes_of(task.data.items.table, "words") if name != "title"]
    tags = task.data.items.table[words[0]] if words else None
    declared = {each.name: each for each in system.rankers}
    sources = sum(trained.seconds[slot.name] for slot in trained.retrieval.sources)
    models = []
    total = len(pipelines) * (WARM_UP + REQUESTS)
    with run.progress.step("measuring latency", total, "requests") as step:
        for name, pipeline in pipelines.items():
            ranker = declared.get(name)
            kind: Kind = "pipeline" if ranker or name == FUSED else "source"
            kind = "baseline" if name == BASELINE else kind
            own = trained.seconds.get(name, 0.0)
            models.append(
                replace(
                    EvaluatedModel.of(name, kind, lists[name], evaluated_on.truth, seed=system.seed),
                    variety=variety(lists[name], len(evaluated_on), counts, tags),
                    latency=latency(pipeline, evaluated_on, step, REQUESTS),
                    size_bytes=model_size(pipeline),
                    training_seconds=None if kind == "baseline" else own + sources * (kind == "pipeline"),
                    complexity=ranker.complexity if ranker else 0,
                    interpretability=ranker.interpretability if ranker else _INTERPRETABILITY[kind],
                )
            )
    return models


_INTERPRETABILITY = {"baseline": "counts", "source": "neighbours", "pipeline": "coefficients"}


def _scored(
    system: System, model: EvaluatedModel, trained: Trained, examples: Examples, step: Step
) -> EvaluatedModel:
    """The model with the quality of its ranker's probabilities on the candidates of the newer part."""
    step.advance()
    if model.name not in trained.rankers:
        return model
    ranker = trained.rankers[model.name].ranker
    assert ranker is not None
    probabilities = ranker.predict(examples.inputs)
    return replace(model, scoring=scores(system, probabilities, examples.labels))


def _slices(
    models: list[EvaluatedModel],
    lists: dict[str, Retrieved],
    evaluated_on: EvaluationSet,
    task: TrainTestTask,
) -> tuple[Slice, ...]:
    """The quality for new and heavy users, and on new items; nothing where no users query."""
    if evaluated_on.queries.search is not None:
        return ()
    lengths = evaluated_on.queries.histories.lengths
    slices = [
        Slice.of("new users", f"at most {FEW_EVENTS} events before the query", models, lengths <= FEW_EVENTS),
        Slice.of(
            "heavy users",
            "the tenth with the longest histories",
            models,
            lengths > np.quantile(lengths, HEAVY),
        ),
    ]
    new = np.bincount(task.data.histories.items, minlength=len(task.data.items)) <= FEW_EVENTS
    truth = _only(evaluated_on.truth, new)
    if len(truth.items):
        on_new = [EvaluatedModel.of(each.name, each.kind, lists[each.name], truth) for each in models]
        meaning = f"only items with at most {FEW_EVENTS} events in training count as relevant"
        slices.append(Slice.of("new items", meaning, on_new, np.ones(len(lengths), bool)))
    return tuple(slices)


def _only(truth: Ragged, items: Mask) -> Ragged:
    """The truth without the items outside the mask."""
    keep = items[truth.items]
    counts = np.concatenate([[0], np.cumsum(keep)])
    return Ragged(counts[truth.offsets], truth.items[keep])
