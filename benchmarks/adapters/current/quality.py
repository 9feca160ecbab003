"""What `benchmarks.quality` evaluates, and what its peer needs of Shortlist."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.systems import movielens_system
from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.threads import one_thread
from shortlist.base.top import top
from shortlist.base.types import AnyArray, Floats
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.samples import movielens_100k, movielens_small
from shortlist.data.splits import by_share
from shortlist.evaluation.bootstrap import interval, paired
from shortlist.evaluation.ranking import Values, measure
from shortlist.retrieval._interactions import matrix
from shortlist.storage.home import Home
from shortlist.training.evaluate import evaluate

__all__ = ["Adapter", "Evaluated", "Part", "evaluated", "interval", "one_thread", "paired", "top_items"]

METRICS = ("ndcg@10", "recall@20")


@dataclass(frozen=True)
class Part:
    """What a model is fitted on, and the queries and answers that it is judged by."""

    X: csr_matrix  # float32[users, items], the interactions to learn from
    users: AnyArray  # rows of X that query
    truth: Ragged

    def measure(self, lists: Retrieved) -> dict[str, Values]:
        """Each metric of the lists, one per query."""
        return dict(measure(lists, self.truth, METRICS))


@dataclass(frozen=True)
class Evaluated:
    """An evaluation of the benchmark's system, and the same task for a peer."""

    values: dict[str, dict[str, Values]]  # model -> metric -> value of each query
    kinds: dict[str, str]  # model -> baseline, source or pipeline
    keys: list[str]  # users of the queries
    sizes: dict[str, Any]
    test: Part
    validation: Part  # inside the training part


def folder(data: str) -> Path:
    """The tables of the data set."""
    return movielens_100k() if data == "movielens-100k" else movielens_small()


def evaluated(data: str, tables: Path, *, quick: bool) -> Evaluated:
    """The data set through the same ingest and evaluation as any other."""
    system = movielens_system(data, quick=quick)
    with tempfile.TemporaryDirectory() as scratch:
        home = Home.open(Path(scratch))
        ingest(system, home, tables)
        loaded = load_dataset(system, home)
    trial = evaluate(system, loaded.items, loaded.histories)
    assert trial.evaluation_set is not None
    assert trial.task is not None
    test, train = trial.evaluation_set, trial.task.data.histories
    inner = by_share(train)
    users = np.flatnonzero(inner.test.lengths > 0)
    newer = inner.test.take(users)
    count = len(loaded.items)
    return Evaluated(
        values={each.name: dict(each.values) for each in trial.evaluation.models},
        kinds={each.name: each.kind for each in trial.evaluation.models},
        keys=[loaded.users.keys[row] for row in test.rows.tolist()],
        sizes={
            "data": data,
            "users": len(loaded.users),
            "items": count,
            "ratings": len(loaded.histories.items),
            "test users": len(test.rows),
            "split": trial.evaluation.split,
        },
        test=Part(csr_matrix(matrix(train, count)), test.rows, test.truth),
        validation=Part(csr_matrix(matrix(inner.train, count)), users, Ragged(newer.offsets, newer.items)),
    )


def top_items(scores: Floats, n: int) -> Retrieved:
    """The best ``n`` of each row."""
    return top(scores, n)


class Adapter:
    """One side of ``--against``."""

    def evaluate(self, data: str, tables: str, quick: bool) -> dict[str, dict[str, float]]:
        """Pipeline -> user -> NDCG@10."""
        result = evaluated(data, Path(tables), quick=quick)
        return {
            name: dict(zip(result.keys, values["ndcg@10"].tolist(), strict=True))
            for name, values in result.values.items()
            if result.kinds[name] == "pipeline"
        }
