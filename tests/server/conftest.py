"""A small real system to serve: films of three genres, users with a favourite genre each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache

import httpx
import numpy as np
import polars as pl
import pytest

from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Queries
from shortlist.base.users import Users
from shortlist.features.features import Features
from shortlist.pipeline.path import hydrate
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.release import save
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.ranking.logistic_regression import LogisticRegression
from shortlist.retrieval.item_knn import ItemKNN
from shortlist.retrieval.popular import Popular
from shortlist.rules.already_seen import AlreadySeen
from shortlist.server.server import running
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
    places = range(count)
    return Items(
        pl.DataFrame(
            {
                "item": [f"f{n}" for n in places],
                "title": [f"Film {n}" for n in places],
                "genres": [[GENRES[n % 3]] for n in places],
                "year": [1980.0 + n for n in places],
            }
        )
    )


def people(seed: int) -> Histories:
    """40 users: user ``p`` rated 8 films of the genre ``p % 3``, from 2020 on."""
    rng = np.random.default_rng(seed)
    rows = [(rng.permutation(FILMS // 3)[:8] * 3 + p % 3).tolist() for p in range(40)]
    times = [[YEAR_2020 + 1_000_000 * n for n in range(8)] for _ in rows]
    return Histories.from_lists(rows, times, [[5.0] * 8 for _ in rows])


@cache
def pipeline(seed: int) -> Pipeline:
    """What the system learns from ``people``."""
    items, histories = films(), people(seed)
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
        features=Features.fit(system, items, histories),
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
        save(folder, system, pipeline(seed), users, people(seed), watermark)

    return Releases(home).add(write, {"seed": seed})


@pytest.fixture
def home(tmp_path) -> Home:
    """An empty home."""
    return Home.open(tmp_path / "home")


@pytest.fixture
def new_release(home) -> Callable[..., int]:
    """Adds a release to the home."""
    return lambda **facts: add_release(home, **facts)


@pytest.fixture
def publish(home, new_release) -> Callable[..., int]:
    """Adds a release to the home and publishes it."""

    def publish_(**facts) -> int:
        number = new_release(**facts)
        Releases(home).publish(number)
        return number

    return publish_


SERVER = """
import sys
from pathlib import Path
from shortlist.server.server import serve
from shortlist.storage.home import Home

if __name__ == "__main__":
    serve(Home.open(Path(sys.argv[1])), port=0, workers=int(sys.argv[2]))
"""


class ServerProcess:
    """A server in a process group of its own, started and ready."""

    def __init__(self, home: Home, workers: int) -> None:
        command = [sys.executable, "-c", SERVER, str(home.path), str(workers)]
        self.process = subprocess.Popen(
            command,
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(home.path)},  # where SIGKILL leaves the counters of workers
        )
        assert self.process.stderr is not None
        self.address = self.process.stderr.readline().split()[-1]  # "... INFO serving at http://..."
        until(lambda: httpx.get(f"{self.address}/ready").status_code == 200)

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for ``condition``, which may raise while there is no server."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., None]:
    """Wait for a condition."""
    return until


@pytest.fixture
def start(home) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers of the home; those that are left are killed in the end."""
    started = []

    def start_(workers: int = 1) -> ServerProcess:
        started.append(ServerProcess(home, workers))
        return started[-1]

    yield start_
    for server in started:
        server.kill()


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory) -> Home:
    """A home with one published release, for tests that leave no trace of each other."""
    home = Home.open(tmp_path_factory.mktemp("shared") / "home")
    Releases(home).publish(add_release(home))
    return home


@pytest.fixture(scope="module")
def client(shared_home):
    """Speaks real HTTP to a server of ``shared_home``."""
    with running(shared_home) as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client
