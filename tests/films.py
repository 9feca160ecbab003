"""A small real system to serve: films of three genres, users with a favourite genre each."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import Users
from shortlist.features.features import Features
from shortlist.pipeline.path import hydrate
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.release import load, save
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.ranking.logistic_regression import LogisticRegression
from shortlist.retrieval.item_knn import ItemKNN
from shortlist.retrieval.popular import Popular
from shortlist.rules.already_seen import AlreadySeen
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases
from shortlist.system.contracts import Examples, TrainingData, TrainingOptions
from shortlist.system.entity import Entity
from shortlist.system.event import Event, Objective
from shortlist.system.system import System

GENRES = ("Comedy", "Drama", "Horror")
FILMS = 60
YEAR_2020 = 1_577_836_800_000_000

ratings = Event("rating", value="value")
clicks = Event("click")
system = System(
    name="films",
    user=Entity("user"),
    item=Entity("film"),
    events=[ratings, clicks],
    objectives=[Objective("liked", ratings, pl.col("value") >= 4), Objective("clicked", clicks, weight=0.5)],
    sources=[ItemKNN(quota=20), Popular(quota=20)],
    rankers=[LogisticRegression()],
    filters=[AlreadySeen()],
)


def films(count: int = FILMS) -> Items:
    """Film ``n`` has the genre ``n % 3``."""
    numbers = range(count)
    return Items(
        pl.DataFrame(
            {
                "item": [f"f{n}" for n in numbers],
                "title": [f"Film {n}" for n in numbers],
                "genres": [[GENRES[n % 3]] for n in numbers],
                "year": [1980.0 + n for n in numbers],
            }
        )
    )


def users_films(seed: int) -> Histories:
    """40 users: user ``p`` rated 8 films of the genre ``p % 3``, from 2020 on."""
    rng = np.random.default_rng(seed)
    rows = [(rng.permutation(FILMS // 3)[:8] * 3 + p % 3).tolist() for p in range(40)]
    times = [[YEAR_2020 + 1_000_000 * n for n in range(8)] for _ in rows]
    return Histories.from_lists(rows, times, [[5.0] * 8 for _ in rows])


@cache
def pipeline(seed: int) -> Pipeline:
    """What the system learns from ``users_films``."""
    items, histories = films(), users_films(seed)
    sources = tuple(
        SourceSlot(s.name, s.quota, s.fit(TrainingData(histories, items), TrainingOptions()))
        for s in system.sources
    )
    retrieval = Pipeline(
        items=items,
        events=("rating", "click"),
        objectives=("liked", "clicked"),
        weights=np.array([1, 0.5], np.float32),
        sources=sources,
        popular=np.argsort(-np.bincount(histories.items, minlength=FILMS), kind="stable").astype(np.int32),
        features=Features.fit(system, TrainingData(histories, items)),
        filters=tuple(each.fit(items) for each in system.filters),
    )
    queries = Queries(
        histories.before(np.full(40, YEAR_2020 + 6_000_000)), np.full(40, YEAR_2020 + 6_000_000)
    )
    work = retrieval.run_until(queries, 1, until=hydrate)
    inputs = retrieval.features(queries, work.candidates)
    same_genre = (work.candidates.items % 3 == work.candidates.rows % 3).astype(np.float32)
    labels = np.stack([same_genre, np.roll(same_genre, 1)], axis=1)
    ranker = LogisticRegression().fit(Examples(inputs, labels), TrainingOptions())
    return Pipeline(**{**vars(retrieval), "ranker": ranker})


def add_release(home: Home, *, seed: int = 0, watermark: int = 0) -> int:
    """Learn and add a release; its number."""
    users = Users.of_keys([f"u{n}" for n in range(40)])

    def write(folder):
        save(folder, system, pipeline(seed), users, users_films(seed), watermark)

    return Releases(home).add(write, {"seed": seed})


def sourceless_release(home: Home) -> int:
    """Learn and add a release of a System without sources, which predicts; its number."""
    predicts = copy(system)
    object.__setattr__(predicts, "sources", ())
    full, histories = pipeline(0), users_films(0)
    features = Features.fit(predicts, TrainingData(histories, films()))
    alone = replace(full, sources=(), features=features, ranker=None)
    items = np.arange(FILMS, dtype=np.int32).repeat(40)
    rows = np.tile(np.arange(40), FILMS)
    order = np.argsort(rows, kind="stable")
    queries = Queries(histories, np.full(40, YEAR_2020 + 9_000_000))
    inputs = features(queries, Candidates.given(rows[order], items[order], 0))
    same_genre = (items[order] % 3 == rows[order] % 3).astype(np.float32)
    ranker = LogisticRegression().fit(
        Examples(inputs, np.stack([same_genre, 1 - same_genre], axis=1)), TrainingOptions()
    )

    def write(folder):
        users = Users.of_keys([f"u{n}" for n in range(40)])
        save(folder, predicts, replace(alone, ranker=ranker), users, histories, 0)

    return Releases(home).add(write, {})


def activate(service: Service, home: Home, number: int, **parts) -> None:
    """Activate a release, with ``parts`` of its pipeline replaced."""
    releases = Releases(home)
    release = load(releases.open(number))
    changed = replace(release, pipeline=replace(release.pipeline, **parts))
    service.activate(releases.facts(number), changed if parts else release)


@pytest.fixture(name="home")
def home_fixture(tmp_path) -> Home:
    """An empty home."""
    return Home.open(tmp_path / "home")


@pytest.fixture(name="new_release")
def new_release_fixture(home) -> Callable[..., int]:
    """Adds a release to the home."""
    return lambda **facts: add_release(home, **facts)


@pytest.fixture(name="publish")
def publish_fixture(home, new_release) -> Callable[..., int]:
    """Adds a release to the home and publishes it."""

    def publish_(**facts) -> int:
        number = new_release(**facts)
        Releases(home).publish(number)
        return number

    return publish_
