"""An evaluation with what it was made from, and what all kinds of evaluation share."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory

from shortlist.base.types import Floats
from shortlist.evaluation.evaluation import Evaluation
from shortlist.evaluation.replay import EvaluationSet
from shortlist.evaluation.scoring import Scoring, score
from shortlist.pipeline.pipeline import Pipeline
from shortlist.system.system import System
from shortlist.training.fit import Trained
from shortlist.training.train_test_task import TrainTestTask

FEW_EVENTS = 10  # users and items with no more are new
REQUESTS = 200  # whose latency is measured, of each model


@dataclass(frozen=True)
class Trial:
    """An evaluation with what it was made from; a prediction has no queries that lists answer."""

    evaluation: Evaluation
    trained: Trained
    evaluation_set: EvaluationSet | None = None
    task: TrainTestTask | None = None


def machine() -> str:
    """When and where this is measured, in words."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {cpu_count()} cores ({platform.machine()})"


def model_size(pipeline: Pipeline) -> int:
    """Bytes of the fitted sources and the ranker on disk."""
    with TemporaryDirectory() as scratch:
        models = [*(source.fitted for source in pipeline.sources), pipeline.ranker]
        for index, model in enumerate(models):
            if model is not None:
                folder = Path(scratch) / str(index)
                folder.mkdir()
                model.save(folder)
        return sum(file.stat().st_size for file in Path(scratch).rglob("*") if file.is_file())


def scores(system: System, probabilities: Floats, labels: Floats) -> dict[str, Scoring]:
    """The quality of probabilities, float32[rows, objectives], by objective."""
    return {
        objective.name: score(probabilities[:, o], labels[:, o], threshold=float(labels[:, o].mean()) or 0.5)
        for o, objective in enumerate(system.objectives)
    }
