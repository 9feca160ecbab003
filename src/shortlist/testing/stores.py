"""What every event store promises, whatever keeps it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import wait
from typing import Protocol

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortlist.base.columns import AVAILABLE_AT, CONTEXT, EVENT_ID, EVENTS, VALUE
from shortlist.base.contexts import to_text
from shortlist.storage.store import AcceptedEvent, EventStore, Exposure

_USERS = ("", "a", "b", "ü\x00", "a:b")
_KEYS = st.text(st.characters(codec="utf-8"), max_size=12)
_ANY = st.builds(
    AcceptedEvent,
    event_id=_KEYS,
    event=_KEYS,
    user=st.sampled_from(_USERS),
    item=_KEYS,
    at=st.integers(-(2**63), 2**63 - 1),
    value=st.none() | st.floats(width=32, allow_nan=False),
    context=st.none() | st.dictionaries(_KEYS, _KEYS, min_size=1, max_size=2),
)


class Open(Protocol):
    """Opens the store ``name``; the same name again opens the same store, as another process would.

    ``above``: where its numbers begin at the least.
    """

    def __call__(self, name: str = "store", *, above: int = 0) -> EventStore: ...


def event(
    event_id: str,
    user: str = "anna",
    item: str = "film",
    at: int = 1,
    value: float | None = None,
    context: Mapping[str, str] | None = None,
) -> AcceptedEvent:
    """An event of the suite."""
    return AcceptedEvent(event_id, "rating", user, item, at, value, context)


def ids(frames: Iterable[pl.DataFrame]) -> list[str]:
    """The event ids of what was scanned."""
    return [key for frame in frames for key in frame[EVENT_ID]]


def shown(store: EventStore) -> list[str]:
    """The requests of the exposures, one for each shown item."""
    return [request for frame in store.exposures() for request in frame["request"]]


class StoreContract:
    """Subclass it, give it a fixture ``open_store`` that is an ``Open`` and closes what it opened."""

    def test_an_event_counts_once_by_its_id(self, open_store: Open) -> None:
        store = open_store()
        assert store.accept([event("a"), event("b"), event("a")]) == [True, True, False]
        assert store.accept([event("b", item="other"), event("c")]) == [False, True]
        assert ids(store.scan()) == ["a", "b", "c"]
        assert store.read_state(["anna"], 0).events[0][1].item == "film"

    def test_accepting_nothing_is_fine(self, open_store: Open) -> None:
        store = open_store()
        assert store.accept([]) == []
        assert store.sequence() == 0
        assert list(store.scan()) == []

    def test_a_users_events_are_ordered_by_time_then_arrival(self, open_store: Open) -> None:
        store = open_store()
        store.accept([event("late", at=9), event("early", at=1), event("other", user="bert", at=0)])
        store.accept([event("tie", at=9, value=2.5)])
        assert [e.event_id for e in store.read_state(["anna"], 0).events[0]] == ["early", "late", "tie"]
        assert store.read_state(["anna"], 0).events[0][-1] == event("tie", at=9, value=2.5)
        assert store.read_state(["unknown"], 0).events[0] == []

    def test_a_users_events_start_after_a_sequence(self, open_store: Open) -> None:
        store = open_store()
        store.accept([event("a")])
        watermark = store.sequence()
        store.accept([event("b"), event("c")])
        assert [e.event_id for e in store.read_state(["anna"], watermark).events[0]] == ["b", "c"]

    def test_read_state_answers_for_each_user_of_a_request(self, open_store: Open) -> None:
        store, other = open_store(), open_store()
        store.accept([event("a"), event("b", user="bert")])
        watermark = store.sequence()
        store.accept([event("c", at=9), event("d", at=1), event("e", user="bert", value=2.5)])
        other.forget("carl")
        other.delete_item("x")
        state = store.read_state(["bert", "unknown", "anna", "carl", "bert"], watermark)
        assert [[each.event_id for each in events] for events in state.events] == [
            ["e"],
            [],
            ["d", "c"],
            [],
            ["e"],
        ]
        assert state.events[0] == [event("e", user="bert", value=2.5)]
        assert state.forgotten == [0, 0, 0, store.read_state(["carl"], 0).forgotten[0], 0]
        assert state.forgotten[3] > watermark
        assert state.deletions == store.deletion_count() == 1

    def test_read_state_without_users_answers_deletions_alone(self, open_store: Open) -> None:
        store = open_store()
        assert store.read_state((), 0) == ([], [], 0)
        store.accept([event("a")])
        store.delete_item("x")
        store.restore_item("x")
        assert store.read_state((), 0) == ([], [], 2)

    def test_read_state_of_many_users_is_of_one_moment(self, open_store: Open) -> None:
        """A writer gives every user one event at a time: no reader may see one user ahead of another."""
        store, other = open_store(), open_store()
        users = [f"u{n}" for n in range(1_200)]
        done = threading.Event()

        def write() -> None:
            for turn in range(5):
                other.accept([event(f"{turn}-{user}", user=user) for user in users])
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        moments = 0
        while not done.is_set() or not moments:
            events = store.read_state(users, 0).events
            assert len({len(each) for each in events}) == 1
            moments += 1
        writer.join()
        state = store.read_state([*users, users[0]], 0)
        assert [len(each) for each in state.events] == [5] * (len(users) + 1)

    def test_scan_gives_the_log_between_two_sequences(self, open_store: Open) -> None:
        store = open_store()
        store.accept([event("a"), event("b")])
        first = store.sequence()
        store.accept([event("c", value=3.0)])
        second = store.sequence()
        store.accept([event("d")])
        [frame] = store.scan(after=first, upto=second)
        assert frame.columns == [*EVENTS, AVAILABLE_AT]
        assert frame.schema[VALUE] == pl.Float32
        assert frame.drop(AVAILABLE_AT).rows() == [("c", "rating", "anna", "film", 1, 3.0, None)]

    def test_an_events_context_comes_back_and_is_one_text_in_the_log(self, open_store: Open) -> None:
        store = open_store()
        context = {"device": "mobile", "country": "Österreich"}
        store.accept([event("a", context=context), event("b")])
        assert [each.context for each in open_store().read_state(["anna"], 0).events[0]] == [context, None]
        [frame] = store.scan()
        assert frame.schema[CONTEXT] == pl.String
        assert frame[CONTEXT].to_list() == ['{"country":"Österreich","device":"mobile"}', None]

    def test_stamps_grow_with_the_numbers(self, open_store: Open) -> None:
        one, two = open_store(), open_store()
        for n in range(20):
            (one if n % 2 else two).accept([event(str(n)), event(f"{n}b")])
        stamps = pl.concat(list(one.scan()))[AVAILABLE_AT]
        assert (stamps.diff().drop_nulls() > 0).all()
        assert stamps[-1] <= time.time_ns() // 1000, "a batch is stamped up to now, not beyond"
        assert stamps[0] > 1_600_000_000_000_000, "microseconds since 1970"

    def test_events_survive_closing(self, open_store: Open) -> None:
        first = open_store()
        first.accept([event("a")])
        first.close()
        again = open_store()
        assert ids(again.scan()) == ["a"]
        assert again.accept([event("a"), event("b")]) == [False, True]

    def test_what_one_process_accepts_the_others_see_at_once(self, open_store: Open) -> None:
        one, two = open_store(), open_store()
        for n in range(20):
            writer, reader = (one, two) if n % 2 else (two, one)
            writer.accept([event(str(n), at=n)])
            assert len(reader.read_state(["anna"], 0).events[0]) == n + 1
            assert reader.accept([event(str(n))]) == [False]

    def test_many_writers_in_two_stores_lose_and_double_nothing(self, open_store: Open) -> None:
        stores = [open_store(), open_store()]
        fresh: list[str] = []

        def post(store: EventStore, worker: int) -> None:
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

    def test_a_bad_batch_does_not_fail_its_neighbours(self, open_store: Open) -> None:
        store = open_store()
        bad = event("\ud800")  # no text: half of a surrogate pair
        futures = [store.submit([event("a")]), store.submit([bad, event("b")]), store.submit([event("c")])]
        wait(futures)
        assert [future.exception() is None for future in futures] == [True, False, True]
        assert ids(store.scan()) == ["a", "c"], "a batch is accepted whole or not at all"

    def test_trimmed_events_are_deleted_and_their_ids_remembered(self, open_store: Open) -> None:
        store = open_store()
        store.accept([event("a"), event("b", user="bert")])
        middle = store.sequence()
        store.accept([event("c")])
        for nothing in (-1, 0):
            store.trim(nothing)
        assert ids(store.scan()) == ["a", "b", "c"]
        store.trim(middle)
        assert ids(store.scan()) == ["c"]
        assert [e.event_id for e in store.read_state(["anna"], 0).events[0]] == ["c"]
        assert store.read_state(["bert"], 0).events[0] == []
        assert store.accept([event("a"), event("b")]) == [False, False]
        newest = store.sequence()
        store.trim(newest)
        assert list(store.scan()) == []
        assert store.sequence() == newest
        assert open_store().accept([event("c"), event("d")]) == [False, True]
        assert store.sequence() > newest

    def test_sequences_start_above_a_given_one(self, open_store: Open) -> None:
        assert open_store(above=41).sequence() == 41
        store = open_store(above=7)
        assert store.sequence() == 41
        store.accept([event("a")])
        assert store.sequence() == 42
        assert ids(store.scan(after=41)) == ["a"]

    def test_a_forgotten_user_leaves_nothing(self, open_store: Open) -> None:
        store, other = open_store(), open_store()
        store.accept([event("a"), event("b", user="bert"), event("c")])
        store.expose(Exposure("r1", 1, "recommend", "anna", 5, ("x", "y")))
        store.expose(Exposure("r2", 1, "recommend", "bert", 5, ("x",)))
        other.expose(Exposure("r3", 1, "similar", None, 5, ("x",)))
        store.accept([])  # as every answer does, sooner or later
        before = store.sequence()
        other.forget("anna")
        store.accept([event("d", user="bert")])
        other.accept([event("e", user="bert")])
        assert ids(store.scan()) == ["b", "d", "e"]
        assert store.read_state(["anna"], 0).events[0] == []
        assert sorted(shown(store)) == ["r2", "r3"]
        assert before < store.read_state(["anna"], 0).forgotten[0] <= store.sequence()
        assert store.read_state(["bert"], 0).forgotten[0] == 0

    def test_exposures_that_wait_while_their_user_is_forgotten_are_dropped(self, open_store: Open) -> None:
        store, other = open_store(), open_store()
        store.expose(Exposure("r1", 1, "recommend", "anna", 5, ("x",)))
        other.forget("anna")
        store.close()
        assert shown(other) == []

    def test_a_forgotten_user_may_come_back(self, open_store: Open) -> None:
        store = open_store()
        store.accept([event("a")])
        store.forget("anna")
        first = store.read_state(["anna"], 0).forgotten[0]
        assert store.accept([event("a"), event("b")]) == [False, True], "what was deleted stays deleted"
        assert [e.event_id for e in store.read_state(["anna"], 0).events[0]] == ["b"]
        store.forget("anna")
        assert store.read_state(["anna"], 0).events[0] == []
        assert store.read_state(["anna"], 0).forgotten[0] > first

    def test_deleted_items_come_back_when_restored(self, open_store: Open) -> None:
        one, two = open_store(), open_store()
        before = two.deletion_count()
        one.delete_item("a")
        one.delete_item("b")
        assert two.deleted_items() == {"a", "b"}
        after = two.deletion_count()
        assert after > before
        two.restore_item("a")
        two.restore_item("never deleted")
        assert one.deleted_items() == {"b"}
        assert one.deletion_count() > after
        one.delete_item("a")
        assert one.deleted_items() == {"a", "b"}

    def test_added_items_are_kept_in_order(self, open_store: Open) -> None:
        one, two = open_store(), open_store()
        first = one.add_item("a", '{"title": "A"}')
        second = two.add_item("é", "{}")
        again = one.add_item("a", '{"title": "B"}')
        assert first < second < again
        assert [each.item for each in two.added_items()] == ["a", "é", "a"]
        assert two.added_items(second) == [(again, "a", '{"title": "B"}')]
        assert one.added_items(again) == []
        one.close()
        assert len(open_store().added_items()) == 3

    def test_exposures_are_written_without_waiting_for_them(self, open_store: Open) -> None:
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

    def test_exposures_expire(self, open_store: Open) -> None:
        store = open_store()
        for at in (7, 5, 6):
            store.expose(Exposure(f"r{at}", 1, "recommend", "anna", at, ("x",)))
        store.close()
        again = open_store()
        again.expire(6)
        assert sorted(shown(again)) == ["r6", "r7"]

    @settings(
        deadline=None,
        max_examples=60,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(batches=st.lists(st.lists(_ANY, max_size=5), max_size=6))
    def test_any_events_come_back_as_they_went_in(
        self, open_store: Open, batches: list[list[AcceptedEvent]]
    ) -> None:
        store = open_store(uuid.uuid4().hex)
        log: dict[str, AcceptedEvent] = {}
        for batch in batches:
            expected = []
            for each in batch:
                expected.append(each.event_id not in log)
                log.setdefault(each.event_id, each)
            assert store.accept(batch) == expected
        rows = [row for frame in store.scan() for row in frame.drop(AVAILABLE_AT).rows()]
        assert rows == [(*each[:-1], to_text(each.context)) for each in log.values()]
        for user in _USERS:
            theirs = [each for each in log.values() if each.user == user]
            assert store.read_state([user], 0).events[0] == sorted(theirs, key=lambda each: each.at)
        store.close()
