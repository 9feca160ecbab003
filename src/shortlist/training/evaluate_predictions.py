"""Evaluate a system without sources by its predictions: rankers against the base rate, by the log loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from shortlist.base.progress import Step
from shortlist.base.queries import Ragged
from shortlist.base.types import Floats, Mask
from shortlist.evaluation.evaluated_model import EvaluatedModel, Kind, Latency
from shortlist.evaluation.evaluation import Evaluation, Sizes, Slice
from shortlist.evaluation.names import LOG_LOSS
from shortlist.evaluation.replay import WARM_UP, time_requests
from shortlist.evaluation.select import choose
from shortlist.evaluation.summary import summary
from shortlist.pipeline.pipeline import Pipeline
from shortlist.system.contracts import TrainingData
from shortlist.system.system import System
from shortlist.training.fit import fit_rankers, fit_sources
from shortlist.training.prediction import (
    PredictionRows,
    PredictionTask,
    predicted,
    prediction_examples,
    prediction_task,
)
from shortlist.training.run import TrainingRun
from shortlist.training.trial import FEW_EVENTS, REQUESTS, Trial, machine, model_size, scores

BASELINE = "base rate"  # predicts the share of positives in training


def evaluate_predictions(system: System, data: TrainingData, run: TrainingRun) -> Trial:
    """Compare each ranker with the base rate on held-out rows, and choose one to serve."""
    task = prediction_task(system, data)
    pipeline = fit_sources(system, task.data, run)
    examples = prediction_examples(system, pipeline, task.data, task.train, run)
    trained = fit_rankers(system, pipeline, examples, run)
    rows, labels = task.test, task.test.labels
    probabilities = {BASELINE: np.tile(examples.labels.mean(axis=0), (len(rows), 1))}
    with run.progress.step("predicting", len(system.rankers) * len(rows), "rows") as step:
        for name, each in trained.rankers.items():
            probabilities[name] = predicted(each.as_of(task.log), rows)
            step.advance(len(rows))
    declared = {each.name: each for each in system.rankers}
    models = []
    total = len(trained.rankers) * (WARM_UP + REQUESTS)
    with run.progress.step("measuring latency", total, "requests") as step:
        for model in _measured(probabilities, task, np.ones(len(rows), bool), system.seed):
            if model.name not in declared:
                models.append(model)
                continue
            ranker, served = declared[model.name], trained.rankers[model.name]
            models.append(
                replace(
                    model,
                    scoring=scores(system, probabilities[model.name], labels),
                    latency=_latency(served, rows, step),
                    size_bytes=model_size(served),
                    training_seconds=trained.seconds[model.name],
                    complexity=ranker.complexity,
                    interpretability=ranker.interpretability,
                )
            )
    finalists = [each for each in models if each.kind == "pipeline"]
    choice = choose(finalists, system.requirements, metric=LOG_LOSS, seed=system.seed)
    evaluation = Evaluation(
        system=system.name,
        split=task.description,
        sizes=Sizes(len(data.histories), len(data.items), len(data.histories.items), len(rows)),
        models=tuple(models),
        summary=summary(models, choice.name, metric=LOG_LOSS, seed=system.seed),
        task="prediction",
        metric=LOG_LOSS,
        choice=choice,
        slices=_slices(probabilities, task, system.seed),
        measured=machine(),
    )
    return Trial(evaluation, trained)


def _measured(
    probabilities: Mapping[str, Floats], task: PredictionTask, which: Mask, seed: int
) -> list[EvaluatedModel]:
    """Each model's log loss on the rows of the mask."""
    rows = task.test
    groups = None if rows.users is None else rows.users[which]
    kinds: dict[str, Kind] = {BASELINE: "baseline"}
    return [
        EvaluatedModel.of_predictions(
            name, kinds.get(name, "pipeline"), each[which], rows.labels[which], groups, seed=seed
        )
        for name, each in probabilities.items()
    ]


def _latency(pipeline: Pipeline, rows: PredictionRows, step: Step) -> Latency:
    """Of a prediction for one query and one item."""
    some = np.unique(np.linspace(0, len(rows) - 1, REQUESTS).astype(np.int64))
    item = Ragged(np.array([0, 1]), rows.items[:1])
    return time_requests(
        lambda query: pipeline.predict(query, item), rows.queries(some), len(some), step, REQUESTS
    )


def _slices(probabilities: Mapping[str, Floats], task: PredictionTask, seed: int) -> tuple[Slice, ...]:
    """The log loss for new users and on new items, where rows are of users."""
    rows = task.test
    if rows.earlier is None:
        return ()
    counts = np.bincount(task.data.histories.items, minlength=len(task.data.items))
    masks = {
        "new users": (f"at most {FEW_EVENTS} events before", rows.earlier <= FEW_EVENTS),
        "new items": (f"at most {FEW_EVENTS} events in training", counts[rows.items] <= FEW_EVENTS),
    }
    slices = []
    for name, (meaning, which) in masks.items():
        if which.any():
            models = _measured(probabilities, task, which, seed)
            groups = np.ones(len(models[0].values[LOG_LOSS]), bool)
            slices.append(Slice.of(name, meaning, models, groups, metric=LOG_LOSS, seed=seed))
    return tuple(slices)
