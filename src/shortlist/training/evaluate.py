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
from shortlist.base.queries import Found, Ragged
from shortlist.base.types import Mask
from shortlist.evaluation.contender import Contender
from shortlist.evaluation.evaluation import Evaluation, Sizes, Slice
from shortlist.evaluation.replay import Exam, ceilings, exam, latency, replay
from shortlist.evaluation.scoring import Scoring, score
from shortlist.evaluation.select import choose
from shortlist.evaluation.variety import variety
from shortlist.evaluation.verdict import verdict
from shortlist.features.words import named
from shortlist.pipeline.path import Pipeline, Placed
from shortlist.retrieval.popular import Popular
from shortlist.system.system import System
from shortlist.training.fit import Tell, Trained, build_examples, fit
from shortlist.training.lesson import Lesson, lesson

BASELINE = "popularity"
FEW = 10  # events: people with no more are new
HEAVY = 0.9  # quantile of history lengths above which people are heavy users


@dataclass(frozen=True)
class Trial:
    """An evaluation with what it was made from."""

    evaluation: Evaluation
    trained: Trained
    exam: Exam
    lesson: Lesson


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
    learned = lesson(system, items, histories)
    trained = fit(system, learned.items, learned.histories, tell, contexts)
    questions = exam(trained.retrieval, learned.queries, learned.right)
    contenders = []
    found: dict[str, Found] = {}
    for contender, fitted in _lineup(system, trained, learned):
        pipeline = fitted.as_of(histories)  # as a server would have it, which follows what happens
        tell(f"replaying {contender.name}")
        found[contender.name] = replay(pipeline, questions)
        judged = _judged(system, contender, found[contender.name], pipeline, questions, learned)
        contenders.append(replace(judged, latency=latency(fitted, questions), size_bytes=_size(pipeline)))
    if system.rankers:
        contenders = _with_scoring(system, contenders, trained, learned)
    finalists = [each for each in contenders if each.kind == "pipeline"]
    choice = choose(finalists, system.requirements, seed=system.seed)
    tell("measuring retrieval")
    evaluation = Evaluation(
        system=system.name,
        split=learned.how,
        sizes=Sizes(len(histories), len(items), len(histories.items), len(questions.askers)),
        contenders=tuple(contenders),
        verdict=verdict(contenders, choice.name, seed=system.seed),
        choice=choice,
        ceilings=tuple(ceilings(trained.retrieval, questions)),
        slices=_slices(contenders, found, questions, learned),
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


def _lineup(system: System, trained: Trained, learned: Lesson) -> list[tuple[_Entry, Pipeline]]:
    """Everyone who competes, simplest first."""
    bare = replace(trained.retrieval, order=())
    line = []
    if system.events:
        counted = Popular().fit(learned.histories, bare.items)
        baseline = replace(bare, sources=(Placed(BASELINE, 200, counted),))
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
    system: System, entry: _Entry, found: Found, pipeline: Pipeline, questions: Exam, learned: Lesson
) -> Contender:
    counts = np.bincount(learned.histories.items, minlength=len(pipeline.items))
    words = named(pipeline.items, "words")
    tags = next((pipeline.items.table[name] for name in words if name != "title"), None)
    return replace(
        Contender.of(entry.name, entry.kind, found, questions.truth, seed=system.seed),
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
    system: System, contenders: list[Contender], trained: Trained, learned: Lesson
) -> list[Contender]:
    """Judge each ranker's probabilities on the candidates of the newer part."""
    features, targets, _ = build_examples(system, trained.retrieval.as_of(learned.log), learned)
    judged = []
    for contender in contenders:
        if contender.kind == "pipeline":
            model = trained.rankers[contender.name].ranker
            assert model is not None
            probabilities = model.predict(features)
            scoring: dict[str, Scoring] = {
                objective.name: score(
                    probabilities[:, o], targets[:, o], threshold=float(targets[:, o].mean()) or 0.5
                )
                for o, objective in enumerate(system.objectives)
            }
            contender = replace(contender, scoring=scoring)  # noqa: PLW2901
        judged.append(contender)
    return judged


def _slices(
    contenders: list[Contender], found: dict[str, Found], questions: Exam, learned: Lesson
) -> tuple[Slice, ...]:
    """How new and heavy users are served, and how new items are found; nothing where no people ask."""
    if questions.queries.sought is not None:
        return ()
    lengths = questions.queries.histories.lengths
    heavy = lengths > np.quantile(lengths, HEAVY)
    fresh = np.bincount(learned.histories.items, minlength=len(learned.items)) <= FEW
    new_truth = _only(questions.truth, fresh)
    everybody = np.ones(len(lengths), bool)
    new_items = (
        [Contender.of(each.name, each.kind, found[each.name], new_truth) for each in contenders]
        if len(new_truth.items)
        else []
    )
    slices = [
        Slice.of("new users", f"at most {FEW} events before they asked", contenders, lengths <= FEW),
        Slice.of("heavy users", "the tenth with the longest histories", contenders, heavy),
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
