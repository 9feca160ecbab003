"""The time at which an event became available, from its table or its acceptance to the histories."""

import polars as pl
import pytest

from shortlist.base.columns import AVAILABLE_AT, SECOND
from shortlist.base.errors import DeclarationError
from shortlist.data.check import check
from shortlist.data.compact import whole_log
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log.log import scan
from shortlist.storage.open import open_store
from shortlist.storage.store import AcceptedEvent
from shortlist.system.event import Event
from shortlist.system.table import Table

LATE = """user,item,rating,at,known
x,a,4,100,160
x,b,4,100,150
x,c,4,110,
x,d,4,90,1970-01-01 00:03:00
y,a,4,100,soon
y,b,4,100,99999999999
"""


def test_a_table_may_have_a_column_of_availability(declare, home, tmp_path):
    (tmp_path / "events.csv").write_text(LATE)
    system = declare(Table("events.csv"), available_at="known")
    report = ingest(system, home, tmp_path)
    assert report.reasons == {"availability not understood": 1}
    assert [problem.column for problem in check(system, tmp_path) if "availability" in problem.message] == [
        "known"
    ]
    data = load_dataset(system, home)
    mine = data.histories.take([data.users.position("x")])
    assert [data.items.keys[item] for item in mine.items] == ["d", "b", "a", "c"], "by time, then as known"
    assert mine.available_at.tolist() == [180 * SECOND, 150 * SECOND, 160 * SECOND, 110 * SECOND]
    ahead = scan(home).filter(pl.col("user") == "y").collect()[AVAILABLE_AT][0]
    assert ahead < 10_000_000_000 * SECOND, "what is read is known by now"
    assert ingest(system, home, tmp_path).added == 0


def test_without_it_events_are_available_as_they_happen(declare, home, tmp_path):
    (tmp_path / "events.csv").write_text(LATE)
    system = declare(Table("events.csv"))
    ingest(system, home, tmp_path)
    assert load_dataset(system, home).histories.available_at is None


def test_accepted_events_are_available_from_their_acceptance(declare, home, tmp_path):
    (tmp_path / "events.csv").write_text(LATE)
    system = declare(Table("events.csv"))
    ingest(system, home, tmp_path)
    store = open_store(home)
    store.accept([AcceptedEvent("1", "rating", "z", "a", 5), AcceptedEvent("2", "rating", "z", "b", 5)])
    log, _ = whole_log(home, store)
    histories = load_dataset(system, home, log).histories
    store.close()
    assert (histories.available_at[:-2] == histories.at[:-2]).all()
    assert histories.available_at[-1] == histories.available_at[-2] + 1 > 1_600_000_000 * SECOND


def test_availability_needs_a_time():
    with pytest.raises(DeclarationError, match="has available_at and no at"):
        Event("view", available_at="known")


@pytest.mark.parametrize("name", ["Add to cart", "", "a/b", "View", "-x"])
def test_event_names_name_features_and_files(name):
    with pytest.raises(DeclarationError, match="use small letters, digits, - and _"):
        Event(name)
