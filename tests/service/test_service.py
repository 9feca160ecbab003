"""The engine without the web: histories that go on, releases that change, clocks that disagree."""

import dataclasses

import numpy as np
import pytest
from shortlist.server.engine import Engine, now

from shortlist.base.errors import UnavailableError
from shortlist.pipeline.release import load
from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent


@pytest.fixture
def store(home):
    store = SqliteStore(home.state)
    yield store
    store.close()


@pytest.fixture
def engine(home, publish, store):
    engine = Engine(store)
    swap(engine, home, publish())
    return engine


def swap(engine, home, number):
    releases = Releases(home)
    engine.swap(releases.facts(number), load(releases.open(number)))


def event(event_id, user="u1", item="f0", at=1, name="rating", value=None):
    return AcceptedEvent(event_id, name, user, item, at, value)


def test_without_a_release_it_says_so(store):
    engine = Engine(store)
    assert not engine.serves
    with pytest.raises(UnavailableError, match="no release serves yet"):
        engine.recommend("u1", 5)


def test_new_events_join_the_history_in_order_of_time(engine, store):
    past = engine.history(engine.active, "u1")
    middle = int(past.at[3]) + 1
    store.accept([event("b", item="f0", at=now(), value=2.0), event("a", item="f3", at=middle, name="click")])
    history = engine.history(engine.active, "u1")
    assert len(history) == 1
    assert history.offsets.tolist() == [0, 10]
    assert (np.diff(history.at) >= 0).all()
    assert history.items.tolist() == [*past.items[:4].tolist(), 3, *past.items[4:].tolist(), 0]
    assert history.event.tolist() == [0] * 4 + [1] + [0] * 5
    assert np.isnan(history.value[4])
    assert history.value[-1] == 2.0
    assert history.items.dtype == past.items.dtype
    assert history.event.dtype == past.event.dtype


def test_ties_stay_in_the_order_of_arrival(engine, store):
    store.accept([event(str(n), user="tied", item=f"f{n}", at=5) for n in (4, 2, 9)])
    assert engine.history(engine.active, "tied").items.tolist() == [4, 2, 9]


def test_events_on_unknown_items_and_of_unknown_kinds_are_passed_over(engine, store):
    store.accept([event("a", item="not yet"), event("b", name="was removed"), event("c", item="f7")])
    assert engine.history(engine.active, "u1").items.tolist()[0] == 7
    assert len(engine.history(engine.active, "u1").items) == 9


def test_events_up_to_the_watermark_are_not_counted_twice(engine, store, home, publish):
    store.accept([event("a", user="u1", item="f0")])
    assert len(engine.history(engine.active, "u1").items) == 9
    swap(engine, home, publish(watermark=store.sequence()))  # a release that has seen the event
    assert len(engine.history(engine.active, "u1").items) == 8


def test_a_query_comes_after_all_its_events(engine, store):
    ahead = now() + 300_000_000
    store.accept([event("a", user="ahead", at=ahead)])
    queries = engine._queries(engine.active, "ahead")
    assert queries.at.tolist() == [ahead + 1]
    assert len(queries.histories.before(queries.at).items) == 1


def test_deletions_outlive_releases(engine, store, home, publish):
    [best] = engine.recommend("u1", 1).slates.items.tolist()
    store.delete_item(f"f{best}")
    assert best not in engine.recommend("u1", 60).slates.items
    swap(engine, home, publish())
    assert best not in engine.recommend("u1", 60).slates.items
    store.restore_item(f"f{best}")
    assert best in engine.recommend("u1", 60).slates.items


def test_everything_deleted_is_an_empty_slate(engine, store):
    for n in range(60):
        store.delete_item(f"f{n}")
    assert len(engine.recommend("u1", 5).slates.items) == 0
    assert len(engine.similar("f1", 5).slates.items) == 0


def test_a_release_that_fails_its_trial_leaves_the_old_one(engine, home, new_release):
    before = engine.active
    releases = Releases(home)
    number = new_release(seed=1)
    release = load(releases.open(number))
    broken = dataclasses.replace(release.pipeline, popular=np.array([10_000], np.int32), sources=())
    with pytest.raises(IndexError):
        engine.swap(releases.facts(number), dataclasses.replace(release, pipeline=broken))
    assert engine.active is before


def test_ranking_the_same_item_twice_gives_it_once(engine):
    answer = engine.rank("somebody", ["f1", "f1", "f2"])
    assert sorted(answer.slates.items.tolist()) == [1, 2]
    assert answer.left_out == {}


def test_features_of_items_follow_what_is_accepted(tmp_path):
    """An event that any process accepted is felt by the features of its item, without a new release."""
    from shortlist.server.engine import Engine

    from shortlist import EASE, Count, Entity, Event, LogisticRegression, Objective, System
    from shortlist.base.columns import DAY
    from shortlist.pipeline.release import load, save
    from shortlist.storage.releases import ReleaseFacts
    from shortlist.storage.sqlite import SqliteStore
    from shortlist.storage.store import AcceptedEvent
    from shortlist.testing.toy import toy_histories, toy_items
    from shortlist.training.fit import fit

    views = Event("view")
    system = System(
        name="toy",
        user=Entity("user"),
        item=Entity("item"),
        events=[views],
        objectives=[Objective("viewed", views)],
        sources=[EASE()],
        rankers=[LogisticRegression()],
        features=[Count(views, by="item", window="1d")],
    )
    histories = toy_histories()
    trained = fit(system, toy_items(), histories)
    folder = tmp_path / "release"
    folder.mkdir()
    save(
        folder,
        system,
        trained.rankers["logistic_regression"],
        [str(row) for row in range(len(histories))],
        histories,
        0,
    )
    here, elsewhere = SqliteStore(tmp_path / "state.db"), SqliteStore(tmp_path / "state.db")
    engine = Engine(here)
    engine.swap(ReleaseFacts(1, "", {}, 0, 0), load(folder))

    def counted():
        [explanation] = engine.explain("nobody", ["i4"], 5)[1]
        return explanation.features["item_view_count_1d"]

    from shortlist.server.engine import now

    assert counted() == 0
    elsewhere.accept([AcceptedEvent(f"e{n}", "view", "u", "i4", now() - DAY // 4) for n in range(3)])
    elsewhere.accept([AcceptedEvent("unknown", "view", "u", "i999", now())])
    engine.follow()
    assert counted() == 3
    engine.swap(ReleaseFacts(2, "", {}, 0, 0), load(folder))  # a restart replays the store
    assert counted() == 3
    here.close()
    elsewhere.close()
