"""The small system of `tests.films`, served over a store that counts what it is asked."""

import pytest
from tests.films import activate, home_fixture, new_release_fixture, publish_fixture  # noqa: F401

from shortlist.service.service import Service
from shortlist.storage.sqlite import SqliteStore


class CountingStore:
    """A store that counts the calls of its methods."""

    def __init__(self, store):
        self._store, self.calls, self.exposed = store, [], []

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if not callable(value):
            return value

        def counted(*arguments):
            self.calls.append(name)
            return value(*arguments)

        return counted

    def expose(self, exposure):
        self.exposed.append(exposure)


@pytest.fixture
def store(home):
    store = SqliteStore(home.state)
    yield CountingStore(store)
    store.close()


@pytest.fixture
def service(home, publish, store):
    service = Service(store)
    activate(service, home, publish())
    store.calls.clear()
    return service
