"""The embedded store keeps every promise of the contract, and its own bounds."""

import pytest

from shortlist.storage import sqlite
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import Exposure
from shortlist.testing.stores import StoreContract, event, ids


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def open_(name="store", *, above=0):
        opened.append(SqliteStore(tmp_path / f"{name}.db", above=above))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


class TestSqliteStore(StoreContract):
    pass


def test_scan_of_many_events_comes_in_batches(open_store, monkeypatch):
    monkeypatch.setattr(sqlite, "_BATCH", 7)
    store = open_store()
    store.accept([event(str(n), user=f"u{n % 2}") for n in range(20)])
    frames = list(store.scan())
    assert [len(frame) for frame in frames] == [7, 7, 6]
    assert ids(frames) == [str(n) for n in range(20)]


def test_trimming_goes_in_parts(open_store, monkeypatch):
    monkeypatch.setattr(sqlite, "_TRIM", 3)
    store = open_store()
    store.accept([event(str(n), user=f"u{n % 2}") for n in range(10)])
    store.trim(8)
    assert ids(store.scan()) == ["8", "9"]


def test_exposures_beyond_the_bound_are_dropped_and_counted(open_store, monkeypatch):
    monkeypatch.setattr("shortlist.storage.group_commit_store._PENDING", 0)
    store = open_store()
    store.expose(Exposure("r1", 1, "recommend", "anna", 5, ("x",)))
    assert store.exposures_dropped == 1
    store.accept([event("a")])
    assert list(store.exposures()) == []


def test_stamps_grow_when_the_clock_steps_back(open_store, monkeypatch):
    moments = iter([5_000, 3_000, 6_000])
    monkeypatch.setattr(sqlite, "now", lambda: next(moments))
    store = open_store()
    for key in "abc":
        store.accept([event(key)])
    assert [stamp for frame in store.scan() for stamp in frame["available_at"]] == [5_000, 5_001, 6_000]
