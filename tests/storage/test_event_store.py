"""What every event store must do. Another store joins by a line in ``stores``."""

import threading
from concurrent.futures import wait

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.columns import EVENTS
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent, EventStore, Exposure


def event(event_id, user="anna", item="film", at=1, value=None):
    return AcceptedEvent(event_id, "rating", user, item, at, value)


@pytest.fixture(params=[SqliteStore])
def open_store(request, tmp_path):
    """Opens the same store again and again, as several processes would."""
    opened: list[EventStore] = []

    def open_():
        opened.append(request.param(tmp_path / "state.db"))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store):
    return open_store()


def ids(frames):
    return [key for frame in frames for key in frame["event_id"]]


def test_an_event_counts_once_by_its_id(store):
    assert store.accept([event("a"), event("b"), event("a")]) == [True, True, False]
    assert store.accept([event("b", item="other"), event("c")]) == [False, True]
    assert ids(store.scan()) == ["a", "b", "c"]
    assert store.recent("anna", 0)[1].item == "film"


def test_accepting_nothing_is_fine(store):
    assert store.accept([]) == []
    assert store.sequence() == 0
    assert list(store.scan()) == []


def test_recent_is_one_users_events_by_time_then_arrival(store):
    store.accept([event("late", at=9), event("early", at=1), event("other", user="bert", at=0)])
    store.accept([event("tie", at=9, value=2.5)])
    assert [e.event_id for e in store.recent("anna", 0)] == ["early", "late", "tie"]
    assert store.recent("anna", 0)[-1] == event("tie", at=9, value=2.5)
    assert store.recent("nobody", 0) == []


def test_recent_starts_after_a_sequence(store):
    store.accept([event("a")])
    watermark = store.sequence()
    store.accept([event("b"), event("c")])
    assert [e.event_id for e in store.recent("anna", watermark)] == ["b", "c"]


def test_scan_gives_the_log_between_two_sequences(store):
    store.accept([event("a"), event("b")])
    first = store.sequence()
    store.accept([event("c", value=3.0)])
    second = store.sequence()
    store.accept([event("d")])
    [frame] = store.scan(after=first, upto=second)
    assert frame.columns == list(EVENTS)
    assert frame.schema["value"] == pl.Float32
    assert frame.rows() == [("c", "rating", "anna", "film", 1, 3.0)]


def test_scan_of_many_events_comes_in_batches(store, monkeypatch):
    monkeypatch.setattr("shortlist.storage.sqlite._BATCH", 7)
    store.accept([event(str(n)) for n in range(20)])
    frames = list(store.scan())
    assert [len(frame) for frame in frames] == [7, 7, 6]
    assert ids(frames) == [str(n) for n in range(20)]


def test_events_survive_closing(open_store):
    first = open_store()
    first.accept([event("a")])
    first.close()
    again = open_store()
    assert ids(again.scan()) == ["a"]
    assert again.accept([event("a"), event("b")]) == [False, True]


def test_what_one_process_accepts_the_others_see_at_once(open_store):
    one, two = open_store(), open_store()
    for n in range(20):
        writer, reader = (one, two) if n % 2 else (two, one)
        writer.accept([event(str(n), at=n)])
        assert len(reader.recent("anna", 0)) == n + 1
        assert reader.accept([event(str(n))]) == [False]


def test_many_writers_in_two_stores_lose_and_double_nothing(open_store):
    stores = [open_store(), open_store()]
    fresh: list[str] = []

    def post(store, worker):
        for n in range(30):  # ids overlap between workers
            key = f"{(worker + n) % 40}"
            is_new, own_is_new = store.accept([event(key), event(f"{worker}-{n}")])
            fresh.extend([key] * is_new + [f"{worker}-{n}"] * own_is_new)

    threads = [threading.Thread(target=post, args=(stores[w % 2], w)) for w in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = ids(stores[0].scan())
    assert len(everything) == len(set(everything)) == 8 * 30 + 37
    assert sorted(fresh) == sorted(everything), "each id was called new exactly once"
    assert stores[0].sequence() == stores[1].sequence()


def test_a_bad_batch_does_not_fail_its_neighbours(store):
    bad = event("\ud800")  # no text: half of a surrogate pair
    futures = [store.submit([event("a")]), store.submit([bad, event("b")]), store.submit([event("c")])]
    wait(futures)
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert ids(store.scan()) == ["a", "c"], "a batch is accepted whole or not at all"


def test_deleted_items_come_back_when_restored(open_store):
    one, two = open_store(), open_store()
    before = two.deletions()
    one.delete_item("a")
    one.delete_item("b")
    assert two.deleted() == {"a", "b"}
    after = two.deletions()
    assert after > before
    two.restore_item("a")
    two.restore_item("never deleted")
    assert one.deleted() == {"b"}
    assert one.deletions() > after
    one.delete_item("a")
    assert one.deleted() == {"a", "b"}


def test_exposures_are_written_without_waiting_for_them(open_store):
    store = open_store()
    store.expose(Exposure("r1", 3, "recommend", "anna", 5, ("x", "y")))
    store.expose(Exposure("r2", 3, "similar", None, 6, ("z",)))
    store.close()
    [frame] = open_store().exposures()
    assert frame.rows() == [
        ("r1", 3, "recommend", "anna", 5, "x", 1),
        ("r1", 3, "recommend", "anna", 5, "y", 2),
        ("r2", 3, "similar", None, 6, "z", 1),
    ]


def test_exposures_beyond_the_bound_are_dropped_and_counted(store, monkeypatch):
    monkeypatch.setattr("shortlist.storage.sqlite._PENDING", 0)
    store.expose(Exposure("r1", 1, "recommend", "anna", 5, ("x",)))
    assert store.exposures_dropped == 1
    store.accept([event("a")])
    assert list(store.exposures()) == []


key = st.text(st.characters(codec="utf-8"), max_size=12)
events = st.builds(
    AcceptedEvent,
    event_id=key,
    event=key,
    user=st.sampled_from(["", "a", "b", "ü\x00"]),
    item=key,
    at=st.integers(-(2**63), 2**63 - 1),
    value=st.none() | st.floats(width=32, allow_nan=False),
)


@settings(deadline=None, max_examples=60)
@given(batches=st.lists(st.lists(events, max_size=5), max_size=6))
def test_any_events_come_back_as_they_went_in(batches, tmp_path_factory):
    store = SqliteStore(tmp_path_factory.mktemp("store") / "state.db")
    log: dict[str, AcceptedEvent] = {}
    for batch in batches:
        expected = []
        for each in batch:
            expected.append(each.event_id not in log)
            log.setdefault(each.event_id, each)
        assert store.accept(batch) == expected
    assert [row for frame in store.scan() for row in frame.rows()] == list(log.values())
    for user in ("", "a", "b", "ü\x00"):
        theirs = [each for each in log.values() if each.user == user]
        assert store.recent(user, 0) == sorted(theirs, key=lambda each: each.at)
    store.close()
