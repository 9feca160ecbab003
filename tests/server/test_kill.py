"""The server killed with SIGKILL under load during a publish: the next start serves a whole release, and
every acknowledged event is there.
"""

import random
import subprocess
import sys
import threading
import time

import httpx
import pytest

from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore

# Adds copies of release 1 and publishes them, one after the other, until it is killed.
PUBLISHER = """
import shutil, sys
from pathlib import Path
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

releases = Releases(Home.open(Path(sys.argv[1])))
first = releases.open(1)

def copy(folder):
    shutil.copytree(first, folder, dirs_exist_ok=True)
    (folder / "manifest.json").unlink()

while True:
    releases.publish(releases.add(copy, {}))
    print("published", flush=True)
"""


class Client:
    """Posts events and requests slates until the server is gone; keeps what was acknowledged."""

    def __init__(self, address, name):
        self.address, self.name = address, name
        self.acknowledged: list[str] = []
        self.slates = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with httpx.Client(base_url=self.address, timeout=10) as client:
            try:
                for n in range(1_000_000):
                    ids = [f"{self.name}-{n}-{k}" for k in range(2)]
                    batch = [
                        {
                            "event": "rating",
                            "user": self.name,
                            "item": f"f{n % 60}",
                            "value": 5,
                            "event_id": key,
                        }
                        for key in ids
                    ]
                    assert client.post("/v1/events", json=batch).status_code == 200
                    self.acknowledged += ids
                    assert client.get(f"/v1/recommend?user={self.name}&n=5").status_code == 200
                    self.slates += 1
            except httpx.TransportError:
                return


@pytest.mark.parametrize(("workers", "crashes"), [(1, 3), (2, 1)])
def test_sigkill_under_load_during_a_publish(home, publish, start, workers, crashes):
    publish()
    seed, acknowledged, slates = random.Random(workers), [], 0  # the last start only looks
    for crash in range(crashes + 1):
        server = start(workers)

        # what the crash before left behind
        published = Releases(home).current()
        with httpx.Client(base_url=server.address) as client:
            slate = client.get("/v1/recommend?user=u1&n=5").json()
            assert slate["release"] == published
            assert len(slate["items"]) == 5
            for name in {key.split("-")[0] for key in acknowledged}:
                total = client.get(f"/v1/users/{name}/history").json()["total"]
                assert total >= sum(key.startswith(f"{name}-") for key in acknowledged)

        if crash == crashes:
            server.kill()
            break

        # load, publishes, and the crash
        command = [sys.executable, "-c", PUBLISHER, str(home.path)]
        with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as publisher:
            clients = [Client(server.address, f"r{crash}c{n}") for n in range(3)]
            publisher.stdout.readline()
            time.sleep(seed.uniform(0.05, 0.5))
            server.kill()
            publisher.kill()
        for client in clients:
            client.thread.join()
            acknowledged += client.acknowledged
            slates += client.slates

    releases = Releases(home)
    assert releases.current() > 1, "there was a publish"
    for facts in releases.list():
        releases.open(facts.number)
    store = SqliteStore(home.state)
    kept = [key for frame in store.scan() for key in frame["event_id"]]
    store.close()
    assert len(acknowledged) > 20
    assert slates > 10
    assert not set(acknowledged) - set(kept), "no acknowledged event is lost"
    assert len(kept) == len(set(kept)), "none is there twice"
