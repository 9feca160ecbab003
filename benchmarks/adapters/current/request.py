"""Requests in process, as a server answers them: see `benchmarks.request`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.systems import world_system
from shortlist.base.threads import one_thread
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.world.world import World
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.release import load, save
from shortlist.service.call import Call
from shortlist.service.requests import RecommendRequest
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases
from shortlist.storage.store import AcceptedEvent, EventStore
from shortlist.training.fit import fit

SLATE = 20
RECENT = 3  # events of each user in the store, after the release's
KERNELS = ("encode", "search", "score", "because", "predict")


class Adapter:
    """A server without the web: one service for each ranker's release, all over one store."""

    def __init__(self) -> None:
        self.store: EventStore
        self.services: dict[str, Service] = {}

    def write_world(self, folder: str, users: int, items: int, events: int) -> None:
        """Write the tables that both sides read."""
        World(users=users, items=items, events=events).write(Path(folder))

    def prepare(self, world: str, home: str, users: int, quick: bool) -> dict[str, Any]:
        """Ingest, fit, save and load a release for each ranker; post recent events of ``users`` users."""
        system, data_home = world_system(quick=quick), Home.open(Path(home))
        ingest(system, data_home, Path(world))
        data = load_dataset(system, data_home)
        trained = fit(system, data.items, data.histories)
        releases = Releases(data_home)
        numbers = {
            name: releases.add(_writer(system, pipeline, data), {})
            for name, pipeline in trained.rankers.items()
        }
        self.store = open_store(data_home)
        rng = np.random.default_rng(0)
        sample = [data.users.keys[n] for n in rng.permutation(len(data.users))[:users]]
        newest = int(data.histories.at.max())
        self.store.accept(
            [
                AcceptedEvent(f"{user}-{n}", "view", user, data.items.keys[item], newest + 1 + n)
                for user in sample
                for n, item in enumerate(rng.integers(0, len(data.items), RECENT).tolist())
            ]
        )
        facts = {each.number: each for each in releases.list()}
        for name, number in numbers.items():
            self.services[name] = Service(self.store)
            self.services[name].activate(facts[number], load(releases.open(number)))
        sizes = {
            "items": len(data.items),
            "users": len(data.users),
            "events": len(data.histories.items),
            "slate": SLATE,
        }
        return {"sizes": sizes, "users": sample, "rankers": list(numbers)}

    def measure(self, ranker: str, users: Sequence[str]) -> dict[str, Any]:
        """Answer one request of each user: milliseconds, stages [name, milliseconds, candidates], item keys.

        Counters and exposures, which follow the answer, belong to the CPU time of the call and to no request.
        """
        service, times, stages, slates = self.services[ranker], [], [], []
        with one_thread():
            for user in users:
                start = perf_counter()
                call = Call()
                (slate,) = service.recommend([RecommendRequest(user, SLATE)], call)
                times.append((perf_counter() - start) * 1000)
                call.finish()
                stages.append([[each.name, each.ms, each.after] for each in call.stages])
                slates.append([entry.item for entry in slate.items])
        return {"ms": times, "stages": stages, "slates": slates}

    def profile(self, ranker: str, users: Sequence[str]) -> list[list[float]]:
        """[milliseconds, milliseconds inside the models' own computations] of each user's way through the path.

        The models are wrapped for good: call this last.
        """
        service, clock, spent = self.services[ranker], _Clock(), []
        pipeline = clock.wrapped(service.state.view.pipeline)
        with one_thread():
            for user in users:
                with service._answering("recommend", Call()) as answering:
                    _, queries = answering.user_queries([user], [None])
                clock.seconds, start = 0.0, perf_counter()
                pipeline.recommend(queries, SLATE)
                spent.append([(perf_counter() - start) * 1000, clock.seconds * 1000])
        return spent


def _writer(system: Any, pipeline: Pipeline, data: Any) -> Callable[[Path], None]:
    return lambda folder: save(folder, system, pipeline, data.users, data.histories, 0)


class _Clock:
    """Counts the time inside the models of a pipeline."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrapped(self, pipeline: Pipeline) -> Pipeline:
        sources = tuple(replace(each, fitted=self._timed(each.fitted)) for each in pipeline.sources)
        return replace(pipeline, sources=sources, ranker=self._timed(pipeline.ranker))

    def _timed(self, model: Any) -> Any:
        for name in KERNELS:
            if hasattr(model, name):
                object.__setattr__(model, name, self._counted(getattr(model, name)))
        return model

    def _counted(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = perf_counter()
            try:
                return kernel(*arguments)
            finally:
                self.seconds += perf_counter() - start

        return timed
