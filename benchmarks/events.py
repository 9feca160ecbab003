"""Durable events per second and the slowest percent of accept calls, beside an append-only file.

The floor is a file to which every writer appends its batch and waits for the disk. All of them do the same
rounds in turn: so many writers (threads of one server process), so many events a batch, for the same time. A
batch is what one user did, as an app posts it; the last round is of batches as another server posts them, every
event of another user.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from benchmarks.form import Report, child, run
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent, EventStore
from shortlist.testing.redis_server import RedisServer, redis_binary

Accept = Callable[[list[AcceptedEvent]], object]

WRITERS = (1, 8, 32)
BATCHES = (1, 50)
BAR = 0.3  # of the file's events per second
_NUMBERS = count()


@dataclass(frozen=True)
class Case:
    """What is written at once."""

    writers: int
    batch: int
    users: int = 1  # of a batch

    def __str__(self) -> str:
        return f"{self.writers} writers, batches of {self.batch}" + " users" * (self.users > 1)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=1.5, help="of one round of one store")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-redis", action="store_true", help="leave the Redis server out")


def measure(report: Report, options: Namespace) -> None:
    seconds, rounds = (0.4, 3) if options.quick else (options.seconds, options.rounds)
    report.sizes |= {"seconds a round": seconds, "rounds": rounds}
    cases = [Case(writers, batch) for writers in WRITERS for batch in BATCHES]
    with tempfile.TemporaryDirectory(dir=".") as folder, _stores(Path(folder), options, report) as stores:
        for case in [*cases, Case(WRITERS[1], BATCHES[-1], users=BATCHES[-1])]:
            report.progress(str(case))
            results: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
            for _ in range(rounds):
                for name, accept in stores.items():
                    results[name].append(_round(accept, case, seconds))
            _report(report, results, case)
    if not options.quick:
        _memory(report, redis="redis" in stores)


@contextmanager
def _stores(folder: Path, options: Namespace, report: Report) -> Iterator[dict[str, Accept]]:
    """What accepts events, by name: the file first."""
    opened: list[EventStore] = [SqliteStore(folder / "state.db")]
    file = os.open(folder / "events.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    accept: dict[str, Accept] = {"file": lambda events: _append(file, events), "embedded": opened[0].accept}
    binary = None if options.no_redis else redis_binary()
    server = RedisServer(binary, folder / "redis") if binary else None
    if server is None:
        report.progress("no redis-server here: left out")
    else:
        from shortlist.storage.redis import RedisStore

        server.start()
        opened.append(RedisStore(server.address, "benchmark"))
        accept["redis"] = opened[1].accept
    try:
        yield accept
    finally:
        for store in opened:
            store.close()
        if server is not None:
            server.kill()
        os.close(file)


def _append(file: int, events: list[AcceptedEvent]) -> None:
    os.write(file, b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    os.fdatasync(file)


def _round(accept: Accept, case: Case, seconds: float) -> tuple[float, float]:
    """Events per second, and the 99th percentile of a call in milliseconds."""
    calls: list[float] = []
    end = time.perf_counter() + seconds

    def write() -> None:
        mine = []
        while (start := time.perf_counter()) < end:
            accept(_events(case))
            mine.append(time.perf_counter() - start)
        calls.extend(mine)

    threads = [threading.Thread(target=write) for _ in range(case.writers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    return len(calls) * case.batch / took, float(np.percentile(calls, 99)) * 1e3


def _events(case: Case) -> list[AcceptedEvent]:
    first = next(_NUMBERS) * 1000
    return [
        AcceptedEvent(
            f"5f1c2a90-{first + n:024}",
            "rating",
            f"user-{(first + n % case.users) % 99_991}",
            f"item-{(first + n) % 9973}",
            first + n,
            4.0,
        )
        for n in range(case.batch)
    ]


def _report(report: Report, results: dict[str, list[tuple[float, float]]], case: Case) -> None:
    floor = results["file"]
    for name, rounds in results.items():
        share = median(ours[0] / its[0] for ours, its in zip(rounds, floor, strict=True))
        report.row(
            store=name,
            writers=case.writers,
            batch=case.batch,
            users=case.users,
            events_per_second=round(median(each[0] for each in rounds)),
            p99_ms=median(each[1] for each in rounds),
            share_of_file=share,
        )
        if name != "file":
            report.claim(
                f"{name}: {case}: events/s, to the file",
                share,
                "x",
                at_least=BAR if case.users == 1 else None,
            )


def _memory(report: Report, redis: bool) -> None:
    """What the state of a million users takes: ten events each that are not compacted, and as many ids."""
    report.progress("a million users, ten events each")
    result = child(_million_embedded)
    report.claim("embedded: a million users with ten events: file", result.value / 1e6, "MB")
    report.claim("embedded: a million users with ten events: memory of the process", result.peak / 1e6, "MB")
    if redis:
        report.progress("the same in Redis")
        used = child(_million_redis).value / 1e6
        report.claim("redis: a million users with ten events: memory of the server", used, "MB")


def _million_embedded() -> int:
    """Bytes of the file."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = SqliteStore(Path(folder) / "state.db")
        _fill(store)
        store.close()
        return (Path(folder) / "state.db").stat().st_size


def _million_redis() -> int:
    """Bytes that the server uses."""
    from redis import Redis

    from shortlist.storage.redis import RedisStore

    binary = redis_binary()
    assert binary is not None
    with tempfile.TemporaryDirectory(dir=".") as folder:
        server = RedisServer(binary, Path(folder) / "redis")
        server.start()
        try:
            store = RedisStore(server.address, "benchmark")
            _fill(store)
            store.close()
            return int(Redis.from_url(server.address).info("memory")["used_memory"])
        finally:
            server.kill()


def _fill(store: EventStore) -> None:
    """One event per user in turn, so that each event stands alone."""
    for first in range(0, 10_000_000, 20_000):
        store.accept(
            [
                AcceptedEvent(f"{n:032}", "rating", f"user-{n % 1_000_000}", f"item-{n % 9973}", n, 4.0)
                for n in range(first, first + 20_000)
            ]
        )


if __name__ == "__main__":
    sys.exit(run("events", measure, options=options, about=__doc__))
