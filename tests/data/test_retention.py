"""Days that are too old go, whole; everything else stays."""

import polars as pl
import pytest

from shortlist.base.columns import AT, DAY
from shortlist.data.compact import compact, whole_log
from shortlist.data.log.log import scan
from shortlist.data.log.retention import Dropped, drop_before
from shortlist.storage.open import open_store
from shortlist.storage.store import AcceptedEvent

START = 19_000


@pytest.fixture
def log(home):
    """Two events on each of five days, and two without a clock; two more wait in the store."""
    store = open_store(home)
    for day in range(5):
        moments = [(START + day) * DAY, (START + day + 1) * DAY - 1]
        store.accept([AcceptedEvent(f"{at}", "rating", "u", "a", at) for at in moments])
    store.accept([AcceptedEvent(f"{at}", "rating", "u", "a", at) for at in (1, 2)])
    compact(home, store, store.sequence)
    store.accept([AcceptedEvent(f"new {at}", "rating", "u", "a", START * DAY) for at in (1, 2)])
    yield store
    store.close()


def days(home):
    return scan(home).select((pl.col(AT) // DAY - START).alias("day")).collect()["day"].unique().to_list()


def test_whole_days_go_and_events_without_a_clock_stay(log, home):
    before = -START
    assert drop_before(home, START * DAY) == Dropped()
    assert drop_before(home, (START + 2) * DAY) == Dropped(days=2, events=4)
    assert days(home) == [before, 2, 3, 4]
    assert drop_before(home, (START + 4) * DAY - 1) == Dropped(days=1, events=2), (
        "a day goes when all of it is old"
    )
    assert days(home) == [before, 3, 4]
    assert drop_before(home, (START + 99) * DAY).days == 2
    assert days(home) == [before]


def test_what_waits_in_the_store_is_untouched_and_goes_the_next_time(log, home):
    drop_before(home, (START + 4) * DAY)
    assert len(whole_log(home, log)[0].collect()) == 2 + 2 + 2
    assert compact(home, log, log.sequence) == 2
    assert 0 in days(home)
    assert drop_before(home, (START + 4) * DAY) == Dropped(days=1, events=2)
    assert log.accept([AcceptedEvent("new 1", "rating", "u", "a", START * DAY)]) == [False], (
        "ids are known for ever"
    )


def test_what_a_crash_left_half_removed_goes(log, home):
    folder = min(home.events.glob("day=20*"))
    folder.rename(folder.with_name(f".{folder.name}"))
    assert len(days(home)) == 5
    assert drop_before(home, 0) == Dropped()
    assert not list(home.events.glob(".day=*"))
