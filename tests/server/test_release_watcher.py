"""A new release is taken up, a broken one refused, and the old one serves meanwhile."""

import logging
import time

import pytest

from shortlist.base.errors import StoreError
from shortlist.pipeline.release import load
from shortlist.server.release_watcher import ReleaseWatcher
from shortlist.service.service import Service
from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore


@pytest.fixture
def service(home):
    store = SqliteStore(home.state)
    yield Service(store)
    store.close()


@pytest.fixture
def watcher(home, service):
    return ReleaseWatcher(home, service)


def serving(service):
    return service.state.view.number


def damage(home, number):
    file = home.releases / f"{number:04d}" / "items.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def test_nothing_published_is_no_error(watcher, service):
    watcher.check()
    assert not service.is_ready


def test_it_follows_forward_and_back(watcher, service, home, publish):
    publish()
    watcher.check()
    assert serving(service) == 1
    publish(seed=1)
    watcher.check()
    assert serving(service) == 2
    Releases(home).publish(1)
    watcher.check()
    assert serving(service) == 1


def test_it_loads_only_what_is_new(home, service, publish):
    loaded = []

    def read(folder):
        loaded.append(folder.name)
        return load(folder)

    watcher = ReleaseWatcher(home, service, read=read)
    publish()
    for _ in range(3):
        watcher.check()
    assert loaded == ["0001"]


def test_a_damaged_release_is_refused_and_the_old_one_serves(home, service, publish, new_release, caplog):
    watcher = ReleaseWatcher(home, service)
    publish()
    watcher.check()
    new_release(seed=1)
    Releases(home).publish(2)
    damage(home, 2)
    with caplog.at_level(logging.ERROR, "shortlist.server"):
        watcher.check()
        watcher.check()
    assert serving(service) == 1
    assert "release 2 is refused: release 2 is damaged: items.parquet" in caplog.text
    assert len(caplog.records) == 1, "logged once, not at every check"
    assert b"shortlist_releases_refused_total 1.0" in service.metrics.page()


def test_a_release_that_cannot_be_loaded_is_refused(home, service, publish, caplog):
    def read(folder):
        if folder.name == "0002":
            raise ValueError("not made by this version")
        return load(folder)

    watcher = ReleaseWatcher(home, service, read=read)
    publish()
    watcher.check()
    publish(seed=1)
    watcher.check()
    assert serving(service) == 1
    assert "release 2 is refused: not made by this version" in caplog.text


def test_publishing_again_tries_again(home, service, publish):
    failures = [ValueError("the disk hiccuped")]

    def read(folder):
        if failures:
            raise failures.pop()
        return load(folder)

    watcher = ReleaseWatcher(home, service, read=read)
    publish()
    watcher.check()
    assert not service.is_ready
    watcher.check()
    assert not service.is_ready
    Releases(home).publish(1)
    watcher.check()
    assert serving(service) == 1


def test_a_store_that_fails_is_no_fault_of_the_release(home, watcher, service, publish, monkeypatch, caplog):
    def fail():
        raise StoreError("the event store cannot be reached")

    publish()
    with monkeypatch.context() as patched:
        patched.setattr(service.store, "sequence", fail)
        with pytest.raises(StoreError):
            watcher.check()
        watcher.start()
        assert not service.is_ready
    deadline = time.monotonic() + 30
    while not service.is_ready and time.monotonic() < deadline:
        time.sleep(0.05)
    watcher.stop()
    assert serving(service) == 1
    assert "refused" not in caplog.text


def test_a_start_with_a_damaged_release_takes_the_newest_older_one(home, watcher, service, publish, caplog):
    for seed in range(3):
        publish(seed=seed)
    damage(home, 3)
    watcher.check()
    assert serving(service) == 2
    assert "release 3 is refused" in caplog.text


def test_a_garbled_current_changes_nothing(home, watcher, service, publish, caplog):
    publish()
    watcher.check()
    home.current.write_text("the latest, please\n")
    watcher.check()
    assert serving(service) == 1
    assert "should hold a release's number" in caplog.text
