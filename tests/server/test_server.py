"""Real servers: swapping and stopping without dropping a request, several processes on one port."""

import os
import signal
import socket
import threading

import httpx
import pytest

from shortlist.base.errors import StoreError, UnavailableError
from shortlist.server.server import running, serve


class Load:
    """Threads that send requests without a pause; every answer that is not 200 is a failure."""

    def __init__(self, address, threads=4):
        self.address, self.releases, self.failures, self.answered = address, [], [], 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.send) for _ in range(threads)]

    def send(self):
        with httpx.Client(base_url=self.address, timeout=20) as client:
            while not self.stop.is_set():
                try:
                    answer = client.post("/v1/recommend", json={"user": "u1", "n": 3})
                    answer.raise_for_status()
                    self.releases.append(answer.json()["release"])
                except httpx.HTTPError as error:
                    self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_a_swap_under_load_drops_no_request(home, publish, until):
    publish()
    with running(home) as address, Load(address) as load:
        for seed in range(1, 5):
            number = publish(seed=seed)
            until(lambda number=number: number in load.releases)
    assert load.failures == []
    assert set(load.releases) == {1, 2, 3, 4, 5}


def test_a_server_without_a_release_waits_for_one(home, publish, until):
    with running(home) as address:
        assert httpx.get(f"{address}/health").status_code == 200
        answer = httpx.get(f"{address}/ready")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "no release serves yet" in answer.json()["detail"]
        assert httpx.get(f"{address}/v1/recommend?user=u1").status_code == 503
        event = {"event": "click", "user": "u1", "item": "f1"}
        assert httpx.post(f"{address}/v1/events", json=event).status_code == 503
        publish()
        until(lambda: httpx.get(f"{address}/ready").status_code == 200)
        assert httpx.get(f"{address}/v1/recommend?user=u1").status_code == 200


def test_a_taken_port_is_a_clear_error(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UnavailableError, match=r"cannot listen on 127\.0\.0\.1:.*choose another"):
            serve(home, port=taken.getsockname()[1])


def test_a_damaged_store_is_a_clear_error(home):
    home.state.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="damaged"):
        serve(home, port=0)


def test_being_told_to_stop_finishes_what_was_asked(publish, start, until):
    publish()
    server = start()
    with Load(server.address) as load:
        until(lambda: len(load.releases) > 20)
        load.stop.set()  # each thread still finishes the request it is in
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(10)
    assert load.failures == []


def test_workers_share_port_store_and_counters(publish, start):
    publish()
    address = start(workers=2).address
    for n in range(30):  # a new connection each time: it may reach either worker
        event = {"event": "rating", "user": "busy", "item": f"f{n}", "value": 5, "event_id": f"e{n}"}
        assert httpx.post(f"{address}/v1/events", json=event).json()["accepted"][0]["new"]
        assert httpx.get(f"{address}/v1/users/busy/history").json()["total"] == n + 1
    assert not httpx.post(f"{address}/v1/events", json=event).json()["accepted"][0]["new"]
    metrics = httpx.get(f"{address}/metrics").text
    assert 'shortlist_events_total{outcome="new"} 30.0' in metrics
    assert 'shortlist_events_total{outcome="duplicate"} 1.0' in metrics

    httpx.delete(f"{address}/v1/items/f50")
    for _ in range(10):
        slate = httpx.get(f"{address}/v1/recommend?user=busy&n=60").json()
        assert "f50" not in [entry["item"] for entry in slate["items"]]


def test_publishing_reaches_every_worker(publish, start, until):
    publish()
    address = start(workers=2).address
    publish(seed=1)
    until(lambda: {httpx.get(f"{address}/ready").json()["release"] for _ in range(10)} == {2})


def test_a_worker_that_dies_is_replaced_and_none_outlives_its_parent(publish, start, until):
    publish()
    server = start(workers=2)
    first, second = children(server.process.pid)
    os.kill(first, signal.SIGKILL)
    until(lambda: len(set(children(server.process.pid)) - {first}) == 2)
    until(lambda: all(httpx.get(f"{server.address}/ready").status_code == 200 for _ in range(5)))
    rest = children(server.process.pid)
    assert second in rest
    server.process.kill()  # only the parent: no process may stay behind on the port
    until(lambda: not any(command_of(pid) for pid in rest))


def children(pid):
    """Processes that serve for ``pid``: those that spawn started, without its helper."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        pids = [int(each) for each in file.read().split()]
    return [child for child in pids if b"spawn_main" in command_of(child)]


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""
