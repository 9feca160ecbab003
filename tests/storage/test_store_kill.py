"""Nothing that was acknowledged is lost or doubled by SIGKILL, whenever it comes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from shortlist.storage.sqlite import SqliteStore

# Accepts events from several threads and prints an id only after it was acknowledged. Ids that the run
# before had printed last are sent once more, as a client does that heard no answer.
CHILD = """
import os, sys, threading
from pathlib import Path
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent

store = SqliteStore(Path(sys.argv[1]))
run, again = sys.argv[2], sys.argv[3:]

def post(ids):
    store.accept([AcceptedEvent(key, "view", "anna", "film", 0) for key in ids])
    os.write(1, (" ".join(ids) + "\\n").encode())

def work(thread):
    for n in range(1_000_000):
        post([f"{run}-{thread}-{n}-{k}" for k in range(3)])

if again:
    post(again)
for thread in range(4):
    threading.Thread(target=work, args=(thread,)).start()
"""


def killed_run(path: Path, run: int, again: list[str], moment: float) -> list[str]:
    """The ids that a child acknowledged before it was killed ``moment`` seconds after its first ones."""
    command = [sys.executable, "-c", CHILD, str(path), str(run), *again]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(moment)
        os.kill(child.pid, signal.SIGKILL)
        lines = (first + child.stdout.read()).decode().splitlines(keepends=True)
    return [key for line in lines if line.endswith("\n") for key in line.split()]


def test_sigkill_loses_and_doubles_nothing(tmp_path):
    seed = random.Random(2)
    acknowledged: list[str] = []
    for run in range(6):
        acknowledged += killed_run(tmp_path / "state.db", run, acknowledged[-5:], seed.uniform(0, 0.15))
    store = SqliteStore(tmp_path / "state.db")
    kept = [key for frame in store.scan() for key in frame["event_id"]]
    store.close()
    assert len(acknowledged) > 100
    assert not set(acknowledged) - set(kept)
    assert len(kept) == len(set(kept))
