"""Nothing that may wait runs on the event loop: /health answers while the store holds another request."""

import threading
from concurrent.futures import Future

import httpx
import pytest
from tests.films import add_release

from shortlist.server.server import running
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases


class HeldStore:
    """A store whose calls by requests wait, once it is ``armed``, until they are let ``go``."""

    def __init__(self, store):
        self._store = store
        self.armed, self.reached, self.go = threading.Event(), threading.Event(), threading.Event()

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if not callable(value) or name == "close":
            return value

        def held(*arguments):
            if self.armed.is_set() and threading.current_thread().name != "release-watcher":
                self.reached.set()
                assert self.go.wait(60), "the test lets it go"
            return value(*arguments)

        return held

    def expose(self, exposure):
        self._store.expose(exposure)  # never waits, by contract

    def submit(self, events):
        """Does not wait either; its future does."""
        accepted = Future()
        threading.Thread(target=lambda: accepted.set_result(self.accept(events))).start()
        return accepted


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A server whose store can be held, and that store."""
    from shortlist.storage.home import Home

    home = Home.open(tmp_path_factory.mktemp("held") / "home")
    Releases(home).publish(add_release(home))
    stores = []

    def open_held(home):
        stores.append(HeldStore(open_store(home)))
        return stores[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shortlist.server.app.open_store", open_held)
        with running(home) as address:
            yield address, stores[0]


EVENT = {"event": "click", "user": "u1", "item": "f1"}
WAITING = [
    ("POST", "/v1/recommend", {"user": "u1"}),
    ("GET", "/v1/recommend?user=u1", None),
    ("POST", "/v1/similar", {"item": "f1"}),
    ("POST", "/v1/rank", {"user": "u1", "items": ["f1"]}),
    ("POST", "/v1/predict", {"rows": [{"item": "f1", "user": "u1"}]}),
    ("POST", "/v1/explain", {"user": "u1", "items": ["f1"]}),
    ("POST", "/v1/search", {"item": "f1"}),
    ("POST", "/v1/events", EVENT),
    ("POST", "/v1/items", {"item": "f1"}),
    ("GET", "/v1/users/u1/history", None),
    ("GET", "/v1/items/f1", None),
    ("DELETE", "/v1/items/f59", None),
    ("PUT", "/v1/items/f59", None),
]
IMMEDIATE = ["/health", "/ready", "/metrics", "/v1/release", "/schema/openapi.json", "/", "/search"]


@pytest.mark.parametrize(("method", "path", "body"), WAITING, ids=[f"{m} {p}" for m, p, _ in WAITING])
def test_health_answers_while_the_store_holds_another_request(held, method, path, body):
    address, store = held
    order, statuses = [], []

    def recommend():
        answer = httpx.request(method, address + path, json=body, timeout=120)
        order.append(path)
        statuses.append(answer.status_code)

    store.armed.set()
    waiting = threading.Thread(target=recommend)
    try:
        waiting.start()
        assert store.reached.wait(60), "the request reads the store"
        for route in IMMEDIATE:
            assert httpx.get(address + route, timeout=60).status_code == 200
            order.append(route)
        shown = httpx.post(f"{address}/v1/exposures", json={"items": ["f1"]}, timeout=60)
        assert shown.status_code == 200
    finally:
        store.armed.clear()
        store.go.set()
        waiting.join()
        store.reached.clear()
        store.go.clear()
    assert order == [*IMMEDIATE, path]
    assert statuses == [200]


def test_every_route_is_tested(held):
    address, _ = held
    document = httpx.get(f"{address}/schema/openapi.json").json()
    paths = {(method.upper(), path) for path, routes in document["paths"].items() for method in routes}
    tested = {(method, path.split("?")[0]) for method, path, _ in WAITING}
    tested |= {("GET", path) for path in IMMEDIATE} | {("POST", "/v1/exposures")}
    named = {
        ("GET", "/v1/users/{user}/history"),
        *((m, "/v1/items/{item}") for m in ("GET", "PUT", "DELETE")),
    }
    without_store = {("GET", "/v1/pictures/{hash}")}  # reads a file, on a thread for that
    with_file = {("POST", "/v1/search/upload")}  # as /v1/search, after the file is read
    assert paths <= tested | named | without_store | with_file
