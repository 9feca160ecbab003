"""Is the two-stage pipeline better than each of its sources and than a known library, on real ratings?

Every rating is a positive; the split is by time; lists are over the full catalogue without what was seen in
training; users with at least one positive in the test part count. The peer is the ALS of the package
``implicit``, its knobs chosen on a validation part of the training data in this same run.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.form import Report, run
from shortlist import (
    ALS,
    EASE,
    AlreadySeen,
    CatBoost,
    Entity,
    Event,
    ItemKNN,
    LogisticRegression,
    Number,
    Objective,
    Popular,
    System,
    Table,
    Tags,
    Year,
)
from shortlist.base.histories import Histories
from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.threads import one_thread
from shortlist.base.top import top
from shortlist.data.dataset import Dataset, load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.samples import movielens_100k, movielens_small
from shortlist.data.splits import Split, by_share
from shortlist.evaluation.bootstrap import interval, paired
from shortlist.evaluation.ranking import measure
from shortlist.evaluation.replay import EvaluationSet
from shortlist.retrieval._interactions import matrix
from shortlist.storage.home import Home
from shortlist.system.entity import Attribute
from shortlist.training.evaluate import evaluate

METRICS = ("ndcg@10", "recall@20")
GRID = {"factors": (32, 64, 128), "regularization": (0.1, 1.0, 10.0, 30.0, 100.0), "alpha": (1.0, 5.0, 20.0)}
QUICK_GRID = {"factors": (64,), "regularization": (0.1, 10.0), "alpha": (1.0, 10.0)}
BAR = 0.25  # NDCG@10 on movielens-100k


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--data", choices=["movielens-100k", "movielens-small"], default="movielens-100k")


def declared(data: str) -> tuple[System, Path]:
    """The system of the benchmark on a data set, and the folder of its tables."""
    if data == "movielens-100k":
        folder = movielens_100k()
        user, item = "user_id", "movie_id"
        year: Attribute = Number("year")
    else:
        folder = movielens_small()
        user, item = "userId", "movieId"
        year = Year("title")
    ratings = Event("rating", Table("ratings.csv"), user=user, item=item, at="timestamp", value="rating")
    movies = Entity(item, Table("movies.csv"), title="title", genres=Tags("genres"), year=year)
    system = System(
        name=data,
        user=Entity(user),
        item=movies,
        events=[ratings],
        objectives=[Objective("rated", ratings)],
        sources=[
            EASE(),
            ItemKNN(),
            ItemKNN(name="what_next", window=5, half_life=2, history=10),
            ALS(),
            Popular(window="30d"),
        ],
        rankers=[LogisticRegression(), CatBoost()],
        filters=[AlreadySeen()],
    )
    return system, folder


def loaded(system: System, folder: Path) -> Dataset:
    """The data set through the same ingest as everybody's."""
    with tempfile.TemporaryDirectory() as home:
        place = Home.open(Path(home))
        ingest(system, place, folder)
        return load_dataset(system, place)


def peer(
    train: Histories, items: int, evaluation_set: EvaluationSet, report: Report, *, quick: bool
) -> Retrieved:
    """The tuned ALS of ``implicit``: fitted on the training part, asked the same evaluation_set."""
    from implicit.als import AlternatingLeastSquares

    grid = QUICK_GRID if quick else GRID
    inner = by_share(train)
    people = np.flatnonzero(inner.test.lengths > 0)
    truth = truth_of(split_rows=people, inner=inner)
    best, knobs = -1.0, {}
    for values in itertools.product(*grid.values()):
        tried = dict(zip(grid, values, strict=True))
        lists = answers(AlternatingLeastSquares, tried, inner.train, items, people)
        quality = float(np.nanmean(measure(lists, truth, ["ndcg@10"])["ndcg@10"]))
        if quality > best:
            best, knobs = quality, tried
    report.sizes["implicit"] = ", ".join(f"{name} {value}" for name, value in knobs.items())
    return answers(AlternatingLeastSquares, knobs, train, items, evaluation_set.rows)


def truth_of(split_rows: np.ndarray, inner: Split) -> Ragged:
    part = inner.test.take(split_rows)
    return Ragged(part.offsets, part.items)


def answers(
    model_class: type, knobs: dict[str, float], train: Histories, items: int, people: np.ndarray
) -> Retrieved:
    model = model_class(iterations=15, random_state=0, num_threads=2, use_gpu=False, **knobs)
    from scipy.sparse import csr_matrix

    X = csr_matrix(matrix(train, items))
    with one_thread():  # as the package asks for: it has threads of its own
        model.fit(X, show_progress=False)
    scores = (model.user_factors[people] @ model.item_factors.T).astype(np.float32)
    seen = X[people]
    scores[seen.nonzero()] = -np.inf
    return top(scores, 20)


def quality(report: Report, options: Namespace) -> None:
    system, folder = declared(options.data)
    report.say(f"reading {options.data}")
    data = loaded(system, folder)
    if options.quick:
        system = replace(system, rankers=[LogisticRegression(), CatBoost(epochs=100)])
    trial = evaluate(system, data.items, data.histories)
    assert trial.task is not None
    assert trial.evaluation_set is not None
    report.say("tuning implicit's ALS")
    found = peer(
        trial.task.data.histories, len(data.items), trial.evaluation_set, report, quick=options.quick
    )
    values = {each.name: each.values for each in trial.evaluation.models}
    values["implicit ALS, tuned"] = measure(found, trial.evaluation_set.truth, METRICS)
    kinds = {each.name: each.kind for each in trial.evaluation.models}
    report.sizes |= {
        "data": options.data,
        "users": len(data.users),
        "items": len(data.items),
        "ratings": len(data.histories.items),
        "test users": len(trial.evaluation_set.rows),
        "split": trial.evaluation.split,
    }
    pipelines = [name for name, kind in kinds.items() if kind == "pipeline"]
    best = max(pipelines, key=lambda name: np.nanmean(values[name]["ndcg@10"]))
    for name, per_user in values.items():
        intervals = {metric: interval(per_user[metric]) for metric in METRICS}
        gain = paired(values[best]["ndcg@10"], per_user["ndcg@10"])
        report.row(
            model=name,
            kind=kinds.get(name, "peer"),
            **{metric: intervals[metric].mean for metric in METRICS},
            **{f"{metric} 95%": f"{each.low:.3f} to {each.high:.3f}" for metric, each in intervals.items()},
            behind="" if name == best else f"{gain.mean:.3f} ({gain.low:.3f} to {gain.high:.3f})",
        )
    for name in values:
        if name not in pipelines:
            gain = paired(values[best]["ndcg@10"], values[name]["ndcg@10"])
            report.claim(
                f"NDCG@10 of {best} above {name}: low end of the 95% interval", gain.low, at_least=1e-9
            )
    if options.data == "movielens-100k":
        report.claim(f"NDCG@10 of {best}", float(np.nanmean(values[best]["ndcg@10"])), at_least=BAR)


if __name__ == "__main__":
    sys.exit(run("quality", quality, options=options, about=__doc__))
