"""The part of ``benchmarks.crash`` that kills a server, again and again, under load and during a publish.

A server and a process that publishes one release after the other are killed together at a random moment.
Each next start must serve a whole release, the published one; in the end every acknowledged event must be
there, once.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.form import Report
from shortlist import EASE, AlreadySeen, Entity, Event, LogisticRegression, Objective, Popular, System
from shortlist.base.errors import ShortlistError
from shortlist.base.users import Users
from shortlist.pipeline.release import save
from shortlist.storage.home import Home
from shortlist.storage.releases import MANIFEST, Releases
from shortlist.storage.sqlite import SqliteStore
from shortlist.testing.toy import toy_histories, toy_items
from shortlist.training.fit import fit

CLIENTS = 4
START = 30.0  # seconds that a server gets to start


def crash_server(report: Report, seconds: float, workers: int, moments: random.Random) -> None:
    """Crash for so many seconds, and check the claims."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home.open(Path(folder) / "home")
        Releases(home).publish(Releases(home).add(_write_release, {}))
        acknowledged: list[str] = []
        starts: list[float] = []
        slates = crashes = wrong = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            server, address, took = _server(home, workers)
            starts.append(took)
            wrong += not _serves(home, address)
            clients = [_Client(address, f"{crashes}.{n}") for n in range(CLIENTS)]
            publisher = _python("publish", home.path)
            time.sleep(moments.uniform(0.2, 2.0))
            for process in (server, publisher):
                _kill(process)
            for client in clients:
                client.thread.join()
                acknowledged += client.acknowledged
                slates += client.slates
            crashes += 1
            report.progress(f"{crashes} crashes, {len(acknowledged):,} events acknowledged")
        published, damaged = _inspect(Releases(home))
        store = SqliteStore(home.state)
        kept = [key for frame in store.scan() for key in frame["event_id"]]
        store.close()
    report.sizes |= {"clients of the server": CLIENTS, "its workers": workers}
    report.row(part="server", kills=crashes, events=len(acknowledged), slates=slates, releases=published)
    report.claim(
        "server: acknowledged events that are lost", len(set(acknowledged) - set(kept)), "", at_most=0
    )
    report.claim("server: events doubled", len(kept) - len(set(kept)), "", at_most=0)
    report.claim("server: releases that are not whole", damaged, "", at_most=0)
    report.claim("server: starts that did not serve the published release", wrong, "", at_most=0)
    report.claim("server: from start to ready, median", median(starts), "s")


def _write_release(folder: Path) -> None:
    views = Event("view")
    system = System(
        name="toy",
        user=Entity("user"),
        item=Entity("item"),
        events=[views],
        objectives=[Objective("viewed", views)],
        sources=[EASE(), Popular()],
        rankers=[LogisticRegression()],
        filters=[AlreadySeen()],
    )
    histories = toy_histories()
    pipeline = fit(system, toy_items(), histories).rankers["logistic_regression"]
    save(folder, system, pipeline, Users.of_keys([f"u{n}" for n in range(len(histories))]), histories, 0)


class _Client:
    """Posts events and requests slates until the server is gone; keeps what was acknowledged."""

    def __init__(self, address: str, name: str) -> None:
        self.address, self.name = address, name
        self.acknowledged: list[str] = []
        self.slates = 0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        connection = HTTPConnection(self.address, timeout=10)
        item = toy_items().keys[0]
        try:
            for n in range(1_000_000):
                key = f"{self.name}.{n}"
                _ask(connection, "/v1/events", {"event": "view", "user": key, "item": item, "event_id": key})
                self.acknowledged.append(key)
                _ask(connection, "/v1/recommend", {"user": key, "n": 5})
                self.slates += 1
        except (OSError, HTTPException):
            return


def _ask(connection: HTTPConnection, path: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, content)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    if answer.status != 200:
        raise HTTPException(body)
    return body


def _server(home: Home, workers: int) -> tuple[subprocess.Popen[str], str, float]:
    """A server that is ready, its address, and the seconds that took."""
    start = time.monotonic()
    process = _python("serve", home.path, workers)
    assert process.stderr is not None
    address = process.stderr.readline().strip().rpartition("//")[2]
    while time.monotonic() < start + START:
        try:
            _ask(HTTPConnection(address), "/ready")
        except (OSError, HTTPException):
            time.sleep(0.02)
        else:
            return process, address, time.monotonic() - start
    _kill(process)
    raise TimeoutError(f"the server was not ready after {START:.0f} s: {address}")


def _serves(home: Home, address: str) -> bool:
    """Is the release in service the published one, and does it answer?"""
    slate = _ask(HTTPConnection(address), "/v1/recommend", {"user": "u1", "n": 5})
    return slate["release"] == Releases(home).current() and len(slate["items"]) == 5


def _inspect(releases: Releases) -> tuple[int, int]:
    """How many releases there are, and how many of them are damaged."""
    damaged = 0
    for facts in releases.list():
        try:
            releases.open(facts.number)
        except ShortlistError:
            damaged += 1
    return len(releases.list()), damaged


def _python(role: str, *arguments: object) -> subprocess.Popen[str]:
    """This file as a process group of its own, in another role."""
    command = [sys.executable, "-m", "benchmarks.crash.server", role, *map(str, arguments)]
    return subprocess.Popen(
        command,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(arguments[0])},
    )


def _kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _serve(path: str, workers: str) -> None:
    from shortlist.server.server import serve

    serve(Home.open(Path(path)), port=0, workers=int(workers))


def _publish(path: str) -> None:
    """Add and publish copies of release 1 until killed."""
    releases = Releases(Home.open(Path(path)))

    def copy(folder: Path) -> None:
        shutil.copytree(releases.open(1), folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()

    while True:
        releases.publish(releases.add(copy, {}))


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    if role == "serve":
        _serve(*arguments)
    else:
        _publish(*arguments)
