"""What users did up to now: the release's histories with what the store accepted since."""

import numpy as np
from tests.films import activate

from shortlist.service.histories import histories_of
from shortlist.service.online_state import now
from shortlist.service.requests import HistoryRequest
from shortlist.storage.store import AcceptedEvent


def event(event_id, user="u1", item="f0", at=1, name="rating", value=None):
    return AcceptedEvent(event_id, name, user, item, at, value)


def history(service, *users):
    view = service.state.view
    return histories_of(view, users, service.store.read_state(users, view.release.watermark))


def test_new_events_join_the_history_in_order_of_time(service, store):
    past = history(service, "u1")
    middle = int(past.at[3]) + 1
    store.accept([event("b", item="f0", at=now(), value=2.0), event("a", item="f3", at=middle, name="click")])
    joined = history(service, "u1")
    assert joined.offsets.tolist() == [0, 10]
    assert (np.diff(joined.at) >= 0).all()
    assert joined.items.tolist() == [*past.items[:4].tolist(), 3, *past.items[4:].tolist(), 0]
    assert joined.event.tolist() == [0] * 4 + [1] + [0] * 5
    assert np.isnan(joined.value[4])
    assert joined.value[-1] == 2.0
    assert joined.items.dtype == past.items.dtype
    assert joined.event.dtype == past.event.dtype
    assert joined.users.tolist() == ["u1"]


def test_histories_of_many_users_are_those_of_each(service, store):
    store.accept([event("a", user="u5", item="f0", at=now()), event("b", user="new", item="f1", at=now())])
    users = ["u5", "new", "u6", "unknown"]
    together = history(service, *users)
    for row, user in enumerate(users):
        assert together.take(np.array([row])).items.tolist() == history(service, user).items.tolist()
    assert together.lengths.tolist() == [9, 1, 8, 0]


def test_ties_stay_in_the_order_of_arrival(service, store):
    store.accept([event(str(n), user="tied", item=f"f{n}", at=5) for n in (4, 2, 9)])
    assert history(service, "tied").items.tolist() == [4, 2, 9]


def test_events_on_unknown_items_and_of_undeclared_kinds_are_passed_over(service, store):
    store.accept([event("a", item="not yet"), event("b", name="was removed"), event("c", item="f7")])
    assert history(service, "u1").items.tolist()[0] == 7
    assert len(history(service, "u1").items) == 9


def test_events_up_to_the_watermark_are_not_counted_twice(service, store, home, publish):
    store.accept([event("a", item="f0")])
    assert len(history(service, "u1").items) == 9
    activate(service, home, publish(watermark=store.sequence()))  # a release that has seen the event
    assert len(history(service, "u1").items) == 8


def test_a_forgotten_user_has_no_past(service, store):
    assert service.history(HistoryRequest("u1")).total == 8
    store.forget("u1")
    assert service.history(HistoryRequest("u1")).total == 0
    store.accept([event("again", item="f0", at=now())])
    assert [past.item for past in service.history(HistoryRequest("u1")).events] == ["f0"]
