"""What `benchmarks.quality` evaluates on the baseline's side."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.systems import movielens_system
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest import ingest
from shortlist.storage.home import Home
from shortlist.training.evaluate import evaluate


class Adapter:
    """One side of ``--against``."""

    def evaluate(self, data: str, tables: str, quick: bool) -> dict[str, dict[str, float]]:
        """Pipeline -> user -> NDCG@10."""
        system = movielens_system(data, quick=quick)
        with tempfile.TemporaryDirectory() as scratch:
            home = Home.open(Path(scratch))
            ingest(system, home, Path(tables), progress=False)
            loaded = load_dataset(system, home)
        trial = evaluate(system, loaded.items, loaded.histories)
        users = [loaded.users[row] for row in trial.exam.askers.tolist()]
        return {
            each.name: dict(zip(users, each.values["ndcg@10"].tolist(), strict=True))
            for each in trial.evaluation.contenders
            if each.kind == "pipeline"
        }
