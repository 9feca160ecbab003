"""Servers of the small system of `tests.films`: in a thread, and in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from tests.films import add_release, home_fixture, new_release_fixture, publish_fixture  # noqa: F401

from shortlist.server.server import running
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

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


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
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
