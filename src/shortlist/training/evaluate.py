"""Learn on the older part of a log, replay the newer part through the pipeline, compare, and choose."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.types import Mask
from shortlist.evaluation.evaluated_model import EvaluatedModel
from shortlist.evaluation.evaluation import Evaluation, Sizes, Slice
from shortlist.evaluation.replay import EvaluationSet, ceilings, evaluation_set, latency, replay
from shortlist.evaluation.scoring import Scoring, score
from shortlist.evaluation.select import choose
from shortlist.evaluation.variety import variety
from shortlist.evaluation.verdict import verdict
from shortlist.features.schema import attributes_of
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.retrieval.popular import Popular
from shortlist.system.contracts import TrainingData, TrainingOptions
from shortlist.system.system import System
from shortlist.training.fit import Tell, Trained, build_examples, fit
from shortlist.training.train_test_task import TrainTestTask, train_test_task

BASELINE = "popularity"
FEW = 10  # events: people with no more are new
HEAVY = 0.9  # quantile of history lengths above which people are heavy users


@dataclass(frozen=True)
class Trial:
    """An evaluation with what it was made from."""

    evaluation: Evaluation
    trained: Trained
    evaluation_set: EvaluationSet
    task: TrainTestTask


def evaluate(
    system: System,
    items: Items,
    histories: Histories,
    tell: Tell = lambda _: None,
    contexts: Contexts = NO_CONTEXTS,
) -> Trial:
    """Compare popularity, every source alone, and the pipeline with each ranker; choose one to serve.

    Raises DataError where there is nothing to learn from or to evaluate on.
    """
    learned = train_test_task(system, items, histories)
    trained = fit(system, learned.items, learned.histories, tell, contexts)
    questions = evaluation_set(trained.retrieval, learned.queries, learned.right)
    models = []
    found: dict[str, Retrieved] = {}
    for model, fitted in _lineup(system, trained, learned):
        pipeline = fitted.as_of(histories)  # as a server would have it, which follows what happens
        tell(f"replaying {model.name}")
        found[model.name] = replay(pipeline, questions)
        judged = _judged(system, model, found[model.name], pipeline, questions, learned)
        models.append(replace(judged, latency=latency(fitted, questions), size_bytes=_size(pipeline)))
    if system.rankers:
        models = _with_scoring(system, models, trained, learned)
    finalists = [each for each in models if each.kind == "pipeline"]
    choice = choose(finalists, system.requirements, seed=system.seed)
    tell("measuring retrieval")
    evaluation = Evaluation(
        system=system.name,
        split=learned.how,
        sizes=Sizes(len(histories), len(items), len(histories.items), len(questions.askers)),
        models=tuple(models),
        verdict=verdict(models, choice.name, seed=system.seed),
        choice=choice,
        ceilings=tuple(ceilings(trained.retrieval, questions)),
        slices=_slices(models, found, questions, learned),
        measured=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {cpu_count()} cores ({platform.machine()})",
    )
    return Trial(evaluation, trained, questions, learned)


@dataclass(frozen=True)
class _Entry:
    name: str
    kind: Literal["baseline", "source", "pipeline"]
    training_seconds: float | None
    complexity: int
    interpretability: str


def _lineup(system: System, trained: Trained, learned: TrainTestTask) -> list[tuple[_Entry, Pipeline]]:
    """Everyone who competes, simplest first."""
    bare = replace(trained.retrieval, order=())
    line = []
    if system.events:
        counted = Popular().fit(TrainingData(learned.histories, bare.items), TrainingOptions())
        baseline = replace(bare, sources=(SourceSlot(BASELINE, 200, counted),))
        line.append((_Entry(BASELINE, "baseline", None, 0, "counts"), baseline))
    for source in bare.sources:
        entry = _Entry(source.name, "source", trained.seconds[source.name], 0, "neighbours")
        line.append((entry, replace(bare, sources=(source,))))
    sources = sum(trained.seconds[source.name] for source in bare.sources)
    if not system.rankers:
        line.append((_Entry("all sources, fused", "pipeline", sources, 0, "coefficients"), trained.retrieval))
    for ranker in system.rankers:
        seconds = sources + trained.seconds[ranker.name]
        entry = _Entry(ranker.name, "pipeline", seconds, ranker.complexity, ranker.interpretability)
        line.append((entry, trained.rankers[ranker.name]))
    return line


def _judged(
    system: System,
    entry: _Entry,
    found: Retrieved,
    pipeline: Pipeline,
    questions: EvaluationSet,
    learned: TrainTestTask,
) -> EvaluatedModel:
    counts = np.bincount(learned.histories.items, minlength=len(pipeline.items))
    words = attributes_of(pipeline.items.table, "words")
    tags = next((pipeline.items.table[name] for name in words if name != "title"), None)
    return replace(
        EvaluatedModel.of(entry.name, entry.kind, found, questions.truth, seed=system.seed),
        variety=variety(found, len(questions.askers), counts, tags),
        training_seconds=entry.training_seconds,
        complexity=entry.complexity,
        interpretability=entry.interpretability,
    )


def _size(pipeline: Pipeline) -> int:
    """Bytes of the models on disk."""
    with TemporaryDirectory() as scratch:
        models = [*(source.fitted for source in pipeline.sources), pipeline.ranker]
        for place, model in enumerate(models):
            if model is not None:
                folder = Path(scratch) / str(place)
                folder.mkdir()
                model.save(folder)
        return sum(file.stat().st_size for file in Path(scratch).rglob("*") if file.is_file())


def _with_scoring(
    system: System, models: list[EvaluatedModel], trained: Trained, learned: TrainTestTask
) -> list[EvaluatedModel]:
    """Judge each ranker's probabilities on the candidates of the newer part."""
    examples = build_examples(system, trained.retrieval.as_of(learned.log), learned)
    judged = []
    for model in models:
        if model.kind == "pipeline":
            ranker = trained.rankers[model.name].ranker
            assert ranker is not None
            probabilities = ranker.predict(examples.inputs)
            scoring: dict[str, Scoring] = {
                objective.name: score(
                    probabilities[:, o],
                    examples.labels[:, o],
                    threshold=float(examples.labels[:, o].mean()) or 0.5,
                )
                for o, objective in enumerate(system.objectives)
            }
            judged.append(replace(model, scoring=scoring))
        else:
            judged.append(model)
    return judged


def _slices(
    models: list[EvaluatedModel],
    found: dict[str, Retrieved],
    questions: EvaluationSet,
    learned: TrainTestTask,
) -> tuple[Slice, ...]:
    """How new and heavy users are served, and how new items are found; nothing where no people ask."""
    if questions.queries.search is not None:
        return ()
    lengths = questions.queries.histories.lengths
    heavy = lengths > np.quantile(lengths, HEAVY)
    fresh = np.bincount(learned.histories.items, minlength=len(learned.items)) <= FEW
    new_truth = _only(questions.truth, fresh)
    everybody = np.ones(len(lengths), bool)
    new_items = (
        [EvaluatedModel.of(each.name, each.kind, found[each.name], new_truth) for each in models]
        if len(new_truth.items)
        else []
    )
    slices = [
        Slice.of("new users", f"at most {FEW} events before they asked", models, lengths <= FEW),
        Slice.of("heavy users", "the tenth with the longest histories", models, heavy),
    ]
    if new_items:
        meaning = f"only items with at most {FEW} events in training count as right"
        slices.append(Slice.of("new items", meaning, new_items, everybody))
    return tuple(slices)


def _only(truth: Ragged, items: Mask) -> Ragged:
    """The truth without the items outside the mask."""
    keep = items[truth.items]
    counts = np.concatenate([[0], np.cumsum(keep)])
    return Ragged(counts[truth.offsets], truth.items[keep])
