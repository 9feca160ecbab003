"""A forgotten user does not come back with a table that still holds them."""

import time

import pytest

from shortlist.base.columns import USER
from shortlist.base.errors import StoreError
from shortlist.data.forget import forget
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log.log import scan
from shortlist.storage.open import open_store
from shortlist.system.table import Table

HEAD = "user,item,rating,at\n"
OLD = "anna,a,4,100\nbert,a,5,100\nanna,b,4,200\nanna,c,good,300\nbert,c,good,300\n"


@pytest.fixture
def forgotten(declare, home, tmp_path):
    """Anna was ingested, then forgotten; her rows are still in the table."""
    (tmp_path / "events.csv").write_text(HEAD + OLD)
    system = declare(Table("events.csv"))
    ingest(system, home, tmp_path)
    store = open_store(home)
    forget(home, store, "anna")
    store.close()
    return system


def users(home):
    return sorted(scan(home).collect()[USER])


def test_a_changed_table_does_not_bring_them_back(forgotten, home, tmp_path):
    assert users(home) == ["bert"]
    later = time.time() + 100
    (tmp_path / "events.csv").write_text(HEAD + OLD + f"anna,a,5,{later:.0f}\nanna,b,3,250\n")
    report = ingest(forgotten, home, tmp_path)
    assert report.inputs[-1].forgotten == 4
    assert "4 of forgotten users left out" in str(report)
    assert report.added == 1, "later events are accepted"
    assert users(home) == ["anna", "bert"]


def test_nothing_of_them_stays_in_the_home(forgotten, home, tmp_path):
    (tmp_path / "events.csv").write_text(HEAD + OLD + "anna,d,soon,400\n")
    report = ingest(forgotten, home, tmp_path)
    assert report.reasons == {"value is not a number": 1}, "bert's"
    left = [file for file in home.path.rglob("*") if file.is_file() and b"anna" in file.read_bytes()]
    assert left == []


def test_a_damaged_list_stops_before_anything_comes_back(forgotten, home, tmp_path):
    (home.path / "forgotten.json").write_text("[]")
    with pytest.raises(StoreError, match="restore it from a copy, or forgotten users come back"):
        ingest(forgotten, home, tmp_path)
