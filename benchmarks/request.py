"""How long one request takes in process, stage by stage, and how much of it is not a model's own work.

The system is declared over a synthetic world: four sources, boosted trees, filters and diversity. A request
is one user of the log, asked for 20 items, on one thread. *Kernels* are what the sources and the ranker
compute (encode, search, score, because, predict); the rest is the path's overhead: filters, merge, features,
order, and going from stage to stage.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.form import Report, run
from shortlist import (
    ALS,
    EASE,
    AlreadySeen,
    CatBoost,
    Diversity,
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
)
from shortlist.base.queries import Queries
from shortlist.base.threads import one_thread
from shortlist.data.dataset import Dataset, load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.world.world import World
from shortlist.pipeline.pipeline import Pipeline
from shortlist.storage.home import Home
from shortlist.training.fit import fit

KERNELS = ("encode", "search", "score", "because", "predict")
OVERHEAD = 30.0  # percent of a request, at most
WARM = 50


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=100_000, help="size of the catalogue")
    parser.add_argument("--events", type=int, default=2_000_000, help="size of the log")
    parser.add_argument("--requests", type=int, default=1000, help="requests that are timed")


def declared() -> System:
    views = Event("view", Table("views"), user="user_id", item="item_id", at="at")
    return System(
        name="world",
        user=Entity("user_id"),
        item=Entity("item_id", Table("items"), category="category", tags=Tags("tags"), price=Number("price")),
        events=[views],
        objectives=[Objective("viewed", views)],
        sources=[EASE(max_items=4000), ItemKNN(), ALS(epochs=4), Popular(window="7d")],
        rankers=[LogisticRegression(), CatBoost()],
        filters=[AlreadySeen()],
        order=[Diversity(by="category", strength=0.1)],
    )


def made(options: Namespace, report: Report) -> tuple[System, Dataset]:
    """A world through the same ingest as everybody's."""
    system = declared()
    with tempfile.TemporaryDirectory() as folder:
        world = World(users=max(options.items // 5, 1000), items=options.items, events=options.events)
        report.say("making a world")
        world.write(Path(folder) / "world")
        home = Home.open(Path(folder) / "home")
        report.say("ingesting it")
        ingest(system, home, Path(folder) / "world")
        return system, load_dataset(system, home)


class Clock:
    """Wraps the models of a pipeline so that their own time is counted."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrapped(self, pipeline: Pipeline) -> Pipeline:
        sources = tuple(replace(each, fitted=self._timed(each.fitted)) for each in pipeline.sources)
        return replace(pipeline, sources=sources, ranker=self._timed(pipeline.ranker))

    def _timed(self, model: Any) -> Any:
        for name in KERNELS:
            if hasattr(model, name):
                setattr(model, name, self._counted(getattr(model, name)))
        return model

    def _counted(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = perf_counter()
            try:
                return kernel(*arguments)
            finally:
                self.seconds += perf_counter() - start

        return timed


def request(report: Report, options: Namespace) -> None:
    if options.quick:
        options.items, options.events, options.requests = 10_000, 200_000, 300
    system, data = made(options, report)
    report.say("learning")
    trained = fit(system, data.items, data.histories)
    report.sizes |= {
        "items": len(data.items),
        "users": len(data.users),
        "events": len(data.histories.items),
        "requests": options.requests,
        "slate": 20,
    }
    for name in trained.rankers:
        timed(report, name, trained.rankers[name], data, options.requests)


def timed(report: Report, name: str, pipeline: Pipeline, data: Dataset, requests: int) -> None:
    people = np.random.default_rng(0).permutation(len(data.users))[: requests + WARM]
    now = int(data.histories.at.max()) + 1
    queries = [Queries(data.histories.take(np.array([p])), np.array([now])) for p in people]
    clock = Clock()
    pipeline = clock.wrapped(pipeline)
    totals, kernels, stages = [], [], []
    with one_thread():
        for query in queries:
            clock.seconds = 0.0
            start = perf_counter()
            slates = pipeline.recommend(query, 20)
            totals.append((perf_counter() - start) * 1000)
            kernels.append(clock.seconds * 1000)
            stages.append([stage.ms for stage in slates.stages])
    total, kernel, stage_ms = (np.array(each[WARM:]) for each in (totals, kernels, stages))
    for place, stage in enumerate(slates.stages):
        p50, p99 = np.quantile(stage_ms[:, place], [0.5, 0.99])
        report.row(ranker=name, stage=stage.name, p50_ms=p50, p99_ms=p99, candidates=stage.after)
    p50, p99 = np.quantile(total, [0.5, 0.99])
    report.row(ranker=name, stage="all", p50_ms=p50, p99_ms=p99, candidates=len(slates.items))
    report.row(ranker=name, stage="kernels alone", p50_ms=float(np.median(kernel)))
    report.claim(f"request with {name}, p50", float(p50), "ms")
    report.claim(f"request with {name}, p99", float(p99), "ms")
    share = float(np.median((total - kernel) / total)) * 100
    bar = OVERHEAD if name == "catboost" else None
    report.claim(f"overhead outside kernels with {name}, median", share, "%", at_most=bar)


if __name__ == "__main__":
    sys.exit(run("request", request, options=options, about=__doc__))
