"""What is served equals a replay of the log and the store from nothing, whichever release serves."""

import csv

import pytest

from shortlist.base.columns import DAY
from shortlist.base.errors import NotFoundError
from shortlist.data.log.retention import Dropped
from shortlist.pipeline.release import load
from shortlist.project import verbs
from shortlist.project.project import open_project
from shortlist.service.histories import histories_of
from shortlist.service.service import Service
from shortlist.storage.store import AcceptedEvent, Exposure
from shortlist.testing.toy import toy_histories, toy_items

SHOP = """
from shortlist import EASE, Entity, Event, Objective, Popular, System, Table

views = Event("view", Table("views.csv"), user="who", item="what", at="when", value="stars")
system = System(
    name="shop",
    user=Entity("who"),
    item=Entity("sku", Table("products.csv"), title="name"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[EASE(regularization=20), Popular()],
)
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A project whose log has the toy world's events."""
    monkeypatch.setenv("SHORTLIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SHORTLIST_STORE", raising=False)
    items, histories = toy_items(), toy_histories()
    with (tmp_path / "products.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("sku", "name"), *((key, key) for key in items.keys)])
    with (tmp_path / "views.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["who", "what", "when", "stars"])
        for row, item, at in zip(histories.rows, histories.items, histories.at, strict=True):
            rows.writerow([f"u{row}", items.keys[item], 1_700_000_000 + int(at) // 1_000_000, 1])
    (tmp_path / "shop.py").write_text(SHOP)
    project = open_project(tmp_path / "shop.py")
    verbs.ingest(project)
    return project


def train(project):
    data, watermark = verbs.dataset(project)
    return verbs.train(project, data, watermark, verbs.evaluate(project, data).evaluation)


def accept(project, count, start=0):
    """Events of u0 to u4 and of a new user, some older than what was ingested."""
    keys = toy_items().keys
    with project.store() as store:
        store.accept(
            [
                AcceptedEvent(
                    f"{n}",
                    "view",
                    f"u{n % 6}" if n % 6 else "new",
                    keys[n % 7],
                    1_600_000_000_000_000 + n * DAY,
                    2.0,
                )
                for n in range(start, start + count)
            ]
        )


def events_of(histories, row):
    return [
        (int(histories.items[n]), int(histories.at[n]), float(histories.value[n]))
        for n in range(histories.offsets[row], histories.offsets[row + 1])
    ]


def served(project, number):
    """What a service on release ``number`` takes for the history of each user."""
    with project.store() as store:
        service = Service(store)
        service.activate(project.releases.facts(number), load(project.releases.open(number)))
        users = [f"u{n}" for n in range(8)] + ["new"]
        view = service.state.view
        read = store.read_state(users, view.release.watermark)
        histories = histories_of(view, users, read)
        found = {user: events_of(histories, row) for row, user in enumerate(users)}
    return {user: events for user, events in found.items() if events}


def replayed(project):
    """The same from the log and the store, from nothing."""
    data, _ = verbs.dataset(project)
    wanted = {f"u{n}" for n in range(8)} | {"new"}
    return {
        user: events_of(data.histories, row) for row, user in enumerate(data.users.keys) if user in wanted
    }


def test_what_is_served_is_what_a_replay_gives(shop):
    first = train(shop)
    accept(shop, 60)
    second = train(shop)
    accept(shop, 40, start=60)
    whole = replayed(shop)
    assert sum(map(len, whole.values())) > 100
    assert served(shop, first) == served(shop, second) == whole
    assert verbs.compact(shop.home).events == 100
    assert replayed(shop) == whole
    assert served(shop, first) == served(shop, second) == whole, "the store kept what the first one needs"
    shop.releases.publish(second)
    verbs.compact(shop.home, releases=1)
    assert [each.number for each in shop.releases.list()] == [second]
    with pytest.raises(NotFoundError):
        shop.releases.open(first)
    with shop.store() as store:
        assert sum(map(len, store.scan())) == 40, "the others are no longer needed here"
    assert served(shop, second) == replayed(shop) == whole


def test_the_release_that_serves_is_never_removed(shop):
    first = train(shop)
    shop.releases.publish(first)
    train(shop)
    third = train(shop)
    verbs.compact(shop.home, releases=1)
    assert [each.number for each in shop.releases.list()] == [first, third]


def test_a_forgotten_user_is_unknown_to_every_release(shop):
    first = train(shop)
    accept(shop, 60)
    second = train(shop)
    verbs.compact(shop.home)
    accept(shop, 20, start=60)
    whole = replayed(shop)
    verbs.forget(shop.home, "u1")
    assert "u1" in whole
    others = {user: events for user, events in whole.items() if user != "u1"}
    assert served(shop, first) == served(shop, second) == replayed(shop) == others
    accept(shop, 12, start=91)  # the new u1 has new events
    third = train(shop)
    assert len(replayed(shop)["u1"]) == 2
    assert served(shop, first) == served(shop, third) == replayed(shop)


def test_exposures_are_kept_for_so_many_days(shop):
    with shop.store() as store:
        for day in range(4):
            store.expose(Exposure(f"r{day}", 1, "recommend", "u1", day * DAY + 1, ("x",)))
    verbs.compact(shop.home, exposures=2 * DAY, now=4 * 86_400)
    with shop.store() as store:
        assert [each for frame in store.exposures() for each in frame["request"]] == ["r2", "r3"]


def test_without_being_told_nothing_is_dropped(shop):
    with shop.store() as store:
        store.expose(Exposure("r", 1, "recommend", "u1", 1, ("x",)))
    train(shop)
    days = sorted(shop.home.events.iterdir())
    assert verbs.compact(shop.home, now=10**10).dropped == Dropped()
    assert sorted(shop.home.events.iterdir()) == days
    with shop.store() as store:
        assert sum(map(len, store.exposures())) == 1


def test_old_days_are_dropped_while_no_training_runs(shop):
    accept(shop, 6)
    newest = 1_600_000_000 + 5 * 86_400
    with verbs.learning(shop.home):
        assert verbs.compact(shop.home, keep=2 * DAY, now=newest).dropped is None
    done = verbs.compact(shop.home, keep=2 * DAY, now=newest)
    assert done.dropped == Dropped(days=3, events=3)
    assert verbs.compact(shop.home, keep=2 * DAY, now=newest).dropped == Dropped()


def test_a_running_training_keeps_what_its_release_will_need(shop):
    """Two trainings; the one that began first ends last, and older releases go meanwhile."""
    with verbs.learning(shop.home):
        data, watermark = verbs.dataset(shop)
        accept(shop, 60)
        shop.releases.publish(train(shop))
        verbs.compact(shop.home, releases=1)
        with shop.store() as store:
            assert sum(map(len, store.scan(watermark))) == 60
        evaluation = verbs.evaluate(shop, data).evaluation
        late = verbs.train(shop, data, watermark, evaluation)
    shop.releases.publish(late)
    verbs.compact(shop.home, releases=1)
    assert served(shop, late) == replayed(shop)


def test_parity_of_a_log_with_late_events(shop):
    accept(shop, 60)
    verbs.compact(shop.home)
    accept(shop, 30, start=60)
    found = verbs.parity(shop)
    assert found.difference is None
    assert found.values > 10_000
