"""Evaluation and training of a whole project: see `benchmarks.train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.systems import movielens_system
from shortlist import Entity, FineTune, Table
from shortlist.data.dataset import Dataset
from shortlist.project import verbs
from shortlist.project.project import Project, open_project
from shortlist.storage.home import Home
from shortlist.training.evaluate import Trial, evaluate

METRIC = "ndcg@10"


class Adapter:
    """A project that is prepared and then trained, once."""

    def __init__(self) -> None:
        self.project: Project

    def prepare_movies(self, data: str, folder: str, home: str, quick: bool) -> None:
        """Ingest the ratings, which is not measured."""
        system = movielens_system(data, quick=quick)
        self.project = Project(system, Path(folder), Home.open(Path(home)))
        verbs.ingest(self.project)

    def prepare_visual(self, file: str, quick: bool) -> None:
        """Open the System file; quick: 100 photos, and two passes over them."""
        self.project = open_project(Path(file))
        if quick:
            self.project = replace(self.project, system=_small(self.project.system))

    def train(self, ingest: bool) -> dict[str, Any]:
        """What `shortlist train` does, with ``ingest`` first: the chosen pipeline and each one's NDCG@10 by query.

        Without the pages of the report: those of bdf99c6 fail on a source that retrieves nothing, as the search by
        words does for photos.
        """
        if ingest:
            verbs.must_be_sound(verbs.check(self.project))
            verbs.ingest(self.project)
        with verbs.learning(self.project.home):
            data, watermark = verbs.dataset(self.project)
            trial = evaluate(self.project.system, data.items, data.histories, contexts=data.contexts)
            verbs.train(self.project, data, watermark, trial.evaluation)
        assert trial.evaluation.choice is not None
        return {"chosen": trial.evaluation.choice.name, "ndcg": _ndcg(trial, data)}


def _ndcg(trial: Trial, data: Dataset) -> dict[str, dict[str, float]]:
    """Pipeline -> query -> NDCG@10; a query is named by its user, or by its row where no users are."""
    keys = [str(data.users[row] if data.users else row) for row in trial.exam.askers.tolist()]
    return {
        model.name: dict(zip(keys, model.values[METRIC].tolist(), strict=True))
        for model in trial.evaluation.contenders
        if model.kind == "pipeline"
    }


def _small(system: Any) -> Any:
    item = system.item
    tune = FineTune(by="product", augmentations=1, epochs=2)
    sources = [
        replace(each, fine_tune=tune) if getattr(each, "fine_tune", None) else each for each in system.sources
    ]
    small = Entity(item.key, Table(item.table.source.head(100)), **item.attributes)
    return replace(system, item=small, sources=sources)
