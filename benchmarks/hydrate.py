"""One user's state and 500 candidates' 30 features, as a server gets them, beside a bare take of that many numbers.

A user's state is the history in the release and the store; features are those of a system over a million
items, of every kind: windows, rates, decay, tastes, affinities. New events arrive between the requests, so
that what follows the stream is measured too. In the same rounds: a numpy take of float32[500, 30] out of a
ready matrix, and one look-up of a million keys in a SQLite file. Then as many precomputed features of 20,000
items and as many users through Feast's online store: what is the same for all candidates is a user's feature.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from benchmarks.feast_peer import run as feast
from benchmarks.form import Report, interleaved, run
from shortlist import (
    Context,
    Count,
    Decayed,
    Distance,
    Distinct,
    Entity,
    Event,
    ItemAttribute,
    Last,
    Mean,
    Objective,
    Popular,
    Popularity,
    Rate,
    Share,
    Since,
    System,
)
from shortlist.base.columns import DAY
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.threads import one_thread
from shortlist.base.users import Users
from shortlist.pipeline.release import Release
from shortlist.service.histories import histories_of
from shortlist.service.online_state import now
from shortlist.service.service import Service
from shortlist.storage.releases import ReleaseFacts
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent
from shortlist.training.fit import fit

CANDIDATES = 500
FEATURES = 30
PEER = 20_000  # items, and as many users, in Feast
EVENTS_EACH = 20  # of a user in the release, and half as many since
TAKES = 5.0  # times the take, and one look-up: what hydration may cost
EVERY = 10  # requests between two arrivals of events

views, orders = Event("view"), Event("order", value="price")
system = System(
    name="shop",
    user=Entity("visitor"),
    item=Entity("product"),
    events=[views, orders],
    objectives=[Objective("ordered", orders)],
    sources=[Popular(), Popular(name="trending", window="7d")],
    features=[
        ItemAttribute("price"),
        ItemAttribute("added"),
        Context("hour"),
        Context("weekday"),
        Count(views, by="item"),
        Count(views, by="item", window="1d"),
        Count(views, by="item", window="30d"),
        Count(orders, by="item"),
        Count(orders, by="item", window="30d"),
        Mean(orders, by="item"),
        Rate(orders, over_event=views, by="item", window="7d"),
        Decayed(views, by="item", half_life="12h"),
        Since(views, by="item"),
        Last(orders, by="item"),
        Count(views, by=("item", "weekday")),
        Count(views),
        Since(views),
        Since(orders),
        Mean(orders, smoothing=0),
        Distinct(views, window="1d"),
        Popularity(views),
        Popularity(views, window="10e"),
        Distance(views, by=("user", "price")),
        Distance(views, by=("user", "price"), window="10e"),
        Share(views, by=("user", "category")),
        Share(views, by=("user", "category"), window="10e"),
        Share(orders, by=("user", "category")),
        Mean(orders, by=("user", "category"), smoothing=3),
    ],
)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=1_000_000, help="size of the catalogue")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys of the bare look-up")
    parser.add_argument("--requests", type=int, default=1000, help="requests that are timed")
    parser.add_argument("--feast-python", type=Path, default=feast.PYTHON, help="`make feast` sets it up")


def build_release(items: int, users: int) -> Release:
    """A release over a random log of the last 60 days."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "item": [f"product-{n}" for n in range(items)],
            "category": [f"category-{n}" for n in rng.integers(0, 200, items)],
            "price": rng.gamma(2.0, 20.0, items),
            "added": now() - rng.integers(0, 900 * DAY, items),
        }
    )
    events = users * EVENTS_EACH
    at = np.sort(now() - rng.integers(0, 60 * DAY, (users, EVENTS_EACH)), axis=1).ravel()
    kind = (rng.random(events) < 0.1).astype(np.int16)
    histories = Histories(
        offsets=np.arange(users + 1) * EVENTS_EACH,
        items=popular_items(rng, events, items),
        at=at,
        event=kind,
        value=np.where(kind == 1, rng.gamma(2.0, 20.0, events), np.nan).astype(np.float32),
    )
    pipeline = fit(system, Items(table), histories).retrieval
    return Release(pipeline, Users.of_keys([f"visitor-{n}" for n in range(users)]), histories, watermark=0)


def popular_items(rng: np.random.Generator, count: int, items: int) -> np.ndarray:
    """Items of which few are met often, int32[count]."""
    return (items * rng.random(count) ** 3).astype(np.int32)


def recent_events(
    rng: np.random.Generator, first: int, count: int, users: int, items: int
) -> list[AcceptedEvent]:
    """Views of this moment."""
    return [
        AcceptedEvent(f"{n}", "view", f"visitor-{user}", f"product-{item}", now())
        for n, user, item in zip(
            range(first, first + count),
            rng.integers(0, users, count),
            popular_items(rng, count, items),
            strict=True,
        )
    ]


def looked_up(path: Path, keys: int) -> Callable[[str], object]:
    """A table of a few bytes for each of many keys, and its look-up."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
    db.executemany("INSERT INTO state VALUES (?, ?)", ((f"visitor-{n}", bytes(200)) for n in range(keys)))
    db.commit()
    return lambda key: db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()


def hydrate(report: Report, options: Namespace) -> None:
    if options.quick:
        options.items, options.users, options.keys = 100_000, 20_000, 100_000
    report.progress("making a release")
    release = build_release(options.items, options.users)
    with tempfile.TemporaryDirectory(dir=".") as folder, one_thread():
        store = SqliteStore(Path(folder) / "state.db")
        try:
            service = Service(store)
            service.activate(ReleaseFacts(1, "", {}, 0, 0), release)
            look_up = looked_up(Path(folder) / "keys.db", options.keys)
            own, ours = _measure(report, options, service, look_up)
            _feast(report, options, own, ours)
        finally:
            store.close()


def _measure(
    report: Report, options: Namespace, service: Service, look_up: Callable[[str], object]
) -> tuple[int, float]:
    """How many features are the user's own, and the seconds of a request."""
    rng = np.random.default_rng(1)
    view = service.state.view
    features = view.pipeline.features
    assert len(features.names) == FEATURES
    report.sizes |= {
        "items": options.items,
        "users": options.users,
        "events": len(view.release.histories.items),
        "candidates": CANDIDATES,
        "features": len(features.names),
    }
    matrix = rng.random((options.items, len(features.names)), np.float32)
    rows = np.zeros(CANDIDATES, np.int64)
    scores = rng.random((CANDIDATES, len(system.sources)), np.float32)
    user, candidates = "", Candidates(rows, rows.astype(np.int32), scores, scores > 0)

    def fetched() -> Queries:
        state = service.store.read_state([user], view.release.watermark)
        return Queries(histories_of(view, [user], state), np.array([now()]))

    def hydrated() -> None:
        features(fetched(), candidates)

    steps: dict[str, Callable[[], object]] = {
        "take": lambda: matrix.take(candidates.items, axis=0),
        "look-up": lambda: look_up(user),
        "state": fetched,
        "state and features": hydrated,
    }
    since = EVENTS_EACH * options.users // 2
    for first in range(0, since, 10_000):
        service.store.accept(recent_events(rng, first, 10_000, options.users, options.items))
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for request in range(options.requests + 50):
        if request % EVERY == 0:
            service.store.accept(recent_events(rng, since + request, EVERY, options.users, options.items))
            service.update()
        user = f"visitor-{rng.integers(0, options.users)}"
        candidates = Candidates(
            rows, rng.integers(0, options.items, CANDIDATES, np.int32), scores, scores > 0
        )
        for name, (took,) in interleaved(steps, 1).items():
            seconds[name].append(took)
    seconds = {name: taken[50:] for name, taken in seconds.items()}  # the first ones warm up
    for name, taken in seconds.items():
        p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1e3
        report.row(what=name, p50_ms=p50, p99_ms=p99)
    ours, take, key = (median(seconds[name]) for name in ("state and features", "take", "look-up"))
    report.claim("hydration, to a bare take, p50", ours / take, "x")
    report.claim(
        "hydration, to five takes and one look-up, p50", ours / (TAKES * take + key), "x", at_most=1.0
    )
    table = features(fetched(), candidates).numeric
    return int((table == table[0]).all(axis=0).sum()), ours


def _feast(report: Report, options: Namespace, own: int, ours: float) -> None:
    """``own`` features of users and the others of items, through Feast's online store."""
    rng, count = np.random.default_rng(2), 2000 if options.quick else PEER
    with tempfile.TemporaryDirectory() as folder:
        sizes, paths = {"user": own, "item": FEATURES - own}, {}
        for key, features in sizes.items():
            columns = {f"f{n}": rng.random(count, np.float32) for n in range(features)}
            paths[f"{key}s"] = Path(folder) / f"{key}s.parquet"
            pl.DataFrame({key: np.arange(count), **columns}).write_parquet(paths[f"{key}s"])
        report.progress("Feast ...")
        online = feast.run(options.feast_python, "online", **paths, candidates=CANDIDATES, requests=100)
    if online is None:
        report.sizes["feast"] = f"not measured: no {options.feast_python}, run `make feast`"
        return
    name = f"Feast {online['version']}, online"
    report.row(what=name, p50_ms=online["p50_ms"], p99_ms=online["p99_ms"])
    report.claim("Feast's online read, to hydration, p50", online["p50_ms"] / 1e3 / ours, "x")


if __name__ == "__main__":
    sys.exit(run("hydrate", hydrate, options=options, about=__doc__))
