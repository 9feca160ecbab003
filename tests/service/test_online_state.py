"""What changes while a release serves: added items, deletions, followed events, unknown users, the clock."""

import numpy as np
import pytest
from tests.films import FILMS

from shortlist import EASE, Count, Entity, Event, LogisticRegression, Objective, System
from shortlist.base.columns import DAY
from shortlist.base.users import Users
from shortlist.pipeline.release import load, save
from shortlist.service.online_state import MAX_USER_NUMBER, now, user_number
from shortlist.service.requests import ExplainRequest, ItemRequest, RankRequest, RecommendRequest
from shortlist.service.service import Service
from shortlist.storage.releases import ReleaseFacts, Releases
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent
from shortlist.testing.toy import toy_histories, toy_items
from shortlist.training.fit import fit


@pytest.fixture
def services(home, publish):
    """Two services of one home, as in two processes."""
    releases = Releases(home)
    number, stores, made = publish(), [], []
    for _ in range(2):
        stores.append(SqliteStore(home.state))
        made.append(Service(stores[-1]))
        made[-1].activate(releases.facts(number), load(releases.open(number)))
    yield made
    for store in stores:
        store.close()


def slate(service, user="u1", n=2 * FILMS, **conditions):
    [answer] = service.recommend([RecommendRequest(user, n, **conditions)])
    return [entry.item for entry in answer.items]


def test_an_added_item_is_retrieved_at_once_here_and_by_others_after_their_update(services):
    here, elsewhere = services
    receipt = here.add_item(ItemRequest("new", {"title": "New Film", "genres": ["Drama"], "year": 2100}))
    assert receipt.new
    assert "new" in slate(here)
    assert slate(here, where={"year": {"min": 2100}}) == ["new"]
    [ranked] = here.rank([RankRequest("u1", ["new"])])
    assert ranked.items[0].title == "New Film"
    assert "new" not in slate(elsewhere)
    elsewhere.update()
    assert "new" in slate(elsewhere)
    assert not elsewhere.add_item(ItemRequest("new")).new


def test_a_request_goes_on_with_the_view_that_it_began_with(services):
    here, _ = services
    before = here.state.view
    here.add_item(ItemRequest("new"))
    assert len(before.pipeline.items) == FILMS
    assert len(here.state.view.pipeline.items) == FILMS + 1
    assert before.pipeline.items.positions(["new"]).tolist() == [-1]


def test_an_item_deleted_before_this_process_had_it_stays_deleted(services):
    here, elsewhere = services
    elsewhere.add_item(ItemRequest("new"))
    elsewhere.delete_item("new")
    assert "new" not in slate(here), (
        "this request takes note of the deletion, of an item it does not have yet"
    )
    here.update()
    assert here.item("new").deleted
    assert "new" not in slate(here)


def test_adding_a_deleted_item_restores_it(services):
    here, _ = services
    [best] = slate(here, n=1)
    here.delete_item(best)
    assert best not in slate(here)
    here.add_item(ItemRequest(best))
    assert slate(here, n=1) == [best]


def test_the_clock_never_goes_back(services, monkeypatch):
    here, _ = services
    first = here.state.moment()
    monkeypatch.setattr("shortlist.service.online_state.now", lambda: first - DAY)
    assert here.state.moment() == first
    monkeypatch.setattr("shortlist.service.online_state.now", lambda: first + 5)
    assert here.state.moment() == first + 5


def test_unknown_users_have_stable_bounded_numbers():
    users = Users.of_keys(["a", "b"])
    assert [user_number(user, users) for user in users.keys] == [0, 1]
    numbers = [user_number(f"unknown {n}", users) for n in range(1000)]
    assert numbers == [user_number(f"unknown {n}", users) for n in range(1000)]
    assert len(set(numbers)) == 1000
    assert min(numbers) >= len(users)
    assert max(numbers) < MAX_USER_NUMBER


def test_live_features_follow_events_of_any_process(tmp_path):
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
    histories, folder = toy_histories(), tmp_path / "release"
    folder.mkdir()
    users = Users.of_keys([str(row) for row in range(len(histories))])
    pipeline = fit(system, toy_items(), histories, users=users).rankers["logistic_regression"]
    save(folder, system, pipeline, users, histories, 0)
    here, elsewhere = SqliteStore(tmp_path / "state.db"), SqliteStore(tmp_path / "state.db")
    service = Service(here)
    service.activate(ReleaseFacts(1, "", {}, 0, 0), load(folder))

    def count():
        [explanation] = service.explain(ExplainRequest("unknown", ["i4"], 5)).items
        return explanation.features["item_view_count_1d"]

    assert count() == 0
    elsewhere.accept([AcceptedEvent(f"e{n}", "view", "u", "i4", now() - DAY // 4) for n in range(3)])
    elsewhere.accept([AcceptedEvent("unknown", "view", "u", "i999", now())])
    service.update()
    assert count() == 3
    service.update()
    assert count() == 3
    service.activate(ReleaseFacts(2, "", {}, 0, 0), load(folder))  # a restart reads the store again
    assert count() == 3
    here.close()
    elsewhere.close()


def test_an_event_on_an_item_that_was_just_added_finds_it(services, monkeypatch):
    """Item and event come from another process while this one updates: between reading items and events."""
    here, elsewhere = services
    store = here.store
    added_items, scanned = store.added_items, []

    def added_then_more(after):
        items = added_items(after)
        elsewhere.add_item(ItemRequest("late"))
        elsewhere.store.accept([AcceptedEvent("e1", "click", "u", "late", now())])
        return items

    with monkeypatch.context() as patch:
        patch.setattr(store, "added_items", added_then_more)
        here.update()
    live = here.state.view.pipeline.features.live
    follow = here.state._follow
    monkeypatch.setattr(here.state, "_follow", lambda frame: (scanned.append(frame), follow(frame)))
    here.update()
    assert live is not None
    assert [frame["item"].to_list() for frame in scanned] == [["late"]], "the event waits for its item"
    assert np.flatnonzero(here.state.view.pipeline.items.positions(["late"]) >= 0).size == 1
