"""A new release is taken up, a broken one refused, and the old one serves meanwhile."""

import logging

import pytest
from shortlist.server.engine import Engine
from shortlist.server.metrics import Metrics

from shortlist.pipeline.release import load
from shortlist.server.release_watcher import Watch
from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore


@pytest.fixture
def engine(home):
    store = SqliteStore(home.state)
    yield Engine(store)
    store.close()


@pytest.fixture
def watch(home, engine):
    return Watch(home, engine, Metrics())


def serving(engine):
    return engine.active.facts.number


def damage(home, number):
    file = home.releases / f"{number:04d}" / "items.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def test_nothing_published_is_no_error(watch, engine):
    watch.look()
    assert not engine.serves


def test_it_follows_forward_and_back(watch, engine, home, publish):
    publish()
    watch.look()
    assert serving(engine) == 1
    publish(seed=1)
    watch.look()
    assert serving(engine) == 2
    Releases(home).publish(1)
    watch.look()
    assert serving(engine) == 1


def test_it_loads_only_what_is_new(home, engine, publish):
    loaded = []

    def read(folder):
        loaded.append(folder.name)
        return load(folder)

    watch = Watch(home, engine, Metrics(), read=read)
    publish()
    for _ in range(3):
        watch.look()
    assert loaded == ["0001"]


def test_a_damaged_release_is_refused_and_the_old_one_serves(home, engine, publish, new_release, caplog):
    metrics = Metrics()
    watch = Watch(home, engine, metrics)
    publish()
    watch.look()
    new_release(seed=1)
    Releases(home).publish(2)
    damage(home, 2)
    with caplog.at_level(logging.ERROR, "shortlist.server"):
        watch.look()
        watch.look()
    assert serving(engine) == 1
    assert "release 2 is refused: release 2 is damaged: items.parquet" in caplog.text
    assert len(caplog.records) == 1, "said once, not at every look"
    assert b"shortlist_releases_refused_total 1.0" in metrics.page()


def test_a_release_that_cannot_be_loaded_is_refused(home, engine, publish, caplog):
    def read(folder):
        if folder.name == "0002":
            raise ValueError("not made by this version")
        return load(folder)

    watch = Watch(home, engine, Metrics(), read=read)
    publish()
    watch.look()
    publish(seed=1)
    watch.look()
    assert serving(engine) == 1
    assert "release 2 is refused: not made by this version" in caplog.text


def test_publishing_again_tries_again(home, engine, publish):
    failures = [ValueError("the disk hiccuped")]

    def read(folder):
        if failures:
            raise failures.pop()
        return load(folder)

    watch = Watch(home, engine, Metrics(), read=read)
    publish()
    watch.look()
    assert not engine.serves
    watch.look()
    assert not engine.serves
    Releases(home).publish(1)
    watch.look()
    assert serving(engine) == 1


def test_a_start_with_a_damaged_release_takes_the_newest_older_one(home, watch, engine, publish, caplog):
    for seed in range(3):
        publish(seed=seed)
    damage(home, 3)
    watch.look()
    assert serving(engine) == 2
    assert "release 3 is refused" in caplog.text


def test_a_garbled_current_changes_nothing(home, watch, engine, publish, caplog):
    publish()
    watch.look()
    home.current.write_text("the latest, please\n")
    watch.look()
    assert serving(engine) == 1
    assert "should hold a release's number" in caplog.text
