"""Requests in process, as a server answers them: see `benchmarks.request`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from shortlist.serving.answers import slate_items
from shortlist.serving.engine import Engine, now
from shortlist.serving.metrics import Metrics
from shortlist.serving.types import Slate

from benchmarks.systems import world_system
from shortlist.base.threads import one_thread
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest import ingest
from shortlist.pipeline.path import Pipeline
from shortlist.pipeline.release import load, save
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases
from shortlist.storage.store import AcceptedEvent, EventStore, Exposure
from shortlist.training.fit import fit

SLATE = 20
RECENT = 3  # events of each user in the store, after the release's


class Adapter:
    """A server's state without the web: one engine for each ranker's release, all over one store."""

    def __init__(self) -> None:
        self.store: EventStore
        self.engines: dict[str, Engine] = {}
        self.metrics = Metrics()

    def prepare(self, world: str, home: str, users: int, quick: bool) -> dict[str, Any]:
        """Ingest, fit, save and load a release for each ranker; post recent events of ``users`` users."""
        system, place = world_system(quick=quick), Home.open(Path(home))
        ingest(system, place, Path(world), progress=False)
        data = load_dataset(system, place)
        trained = fit(system, data.items, data.histories)
        releases = Releases(place)
        numbers = {
            name: releases.add(_writer(system, pipeline, data), {})
            for name, pipeline in trained.rankers.items()
        }
        self.store = open_store(place)
        rng = np.random.default_rng(0)
        sample = [data.users[n] for n in rng.permutation(len(data.users))[:users]]
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
            self.engines[name] = Engine(self.store)
            self.engines[name].swap(facts[number], load(releases.open(number)))
        sizes = {
            "items": len(data.items),
            "users": len(data.users),
            "events": len(data.histories.items),
            "slate": SLATE,
        }
        return {"sizes": sizes, "users": sample, "rankers": list(numbers)}

    def measure(self, ranker: str, users: Sequence[str]) -> dict[str, Any]:
        """Answer one request of each user, as the route did: milliseconds, stages, item keys."""
        engine, times, stages, slates = self.engines[ranker], [], [], []
        with one_thread():
            for user in users:
                start = perf_counter()
                answer = engine.recommend(user, SLATE)
                slate = Slate(
                    request_id=uuid.uuid4().hex,
                    release=answer.serving.facts.number,
                    user=user,
                    items=slate_items(answer),
                    degraded=list(answer.slates.degraded),
                    took_ms=round((perf_counter() - start) * 1000, 3),
                )
                times.append((perf_counter() - start) * 1000)
                self.metrics.walked(answer.slates)
                keys = [entry.item for entry in slate.items]
                self.store.expose(
                    Exposure(slate.request_id, slate.release, "recommend", user, now(), tuple(keys))
                )
                stages.append([[each.name, each.ms, each.after] for each in answer.slates.stages])
                slates.append(keys)
        return {"ms": times, "stages": stages, "slates": slates}


def _writer(system: Any, pipeline: Pipeline, data: Any) -> Callable[[Path], None]:
    return lambda folder: save(folder, system, pipeline, data.users, data.histories, 0)
