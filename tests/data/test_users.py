"""Attributes of users: a table of them is ingested as the catalogue is, and joins the histories."""

import json

import polars as pl
import pytest

from shortlist.base.columns import USER
from shortlist.base.errors import DataError, DeclarationError
from shortlist.data.check import check
from shortlist.data.dataset import load_dataset
from shortlist.data.forget import forget
from shortlist.data.ingest.ingest import ingest
from shortlist.retrieval.popular import Popular
from shortlist.storage.open import open_store
from shortlist.system.entity import Category, Entity, Image, Number, Tags, Text, Time, Vector, Year
from shortlist.system.event import Event, Objective
from shortlist.system.system import System
from shortlist.system.table import Table

RATINGS = pl.DataFrame(
    {
        "user": ["bert", "anna", "anna", "dora"],
        "item": ["a", "a", "b", "b"],
        "rating": [4, 5, 3, 4],
        "at": [1, 2, 3, 4],
    }
)
DIRTY = """id,age,country,tags,joined,born,about
carl,31,at,film|sport,2020-05-01,1995,likes long walks
anna ,old,de,,2021-01-01T10:00:00,1990-02-03,
,20,at,,,,
bert.0,27,,music,not a date,,
anna,99,fr,,,,
bert,40,at, , ,(1984),"a, b"
"""
ATTRIBUTES = {
    "age": Number("age"),
    "country": Category("country"),
    "tags": Tags("tags"),
    "joined": Time("joined"),
    "born": Year("born"),
    "about": Text("about"),
}


def system_of(users, *, ratings=None, **attributes) -> System:
    rating = Event("rating", Table(RATINGS if ratings is None else ratings), at="at", value="rating")
    table = Table(users) if isinstance(users, str | pl.DataFrame) else users
    return System(
        name="small",
        user=Entity("id", table, **attributes),
        item=Entity("item"),
        events=[rating],
        objectives=[Objective("liked", rating)],
        sources=[Popular()],
    )


@pytest.fixture
def dirty(tmp_path):
    (tmp_path / "users.csv").write_text(DIRTY)
    return system_of("users.csv", **ATTRIBUTES)


def users_of(home) -> pl.DataFrame:
    return pl.read_parquet(home.users)


def test_a_dirty_table_is_typed_and_quarantined(dirty, home, tmp_path):
    report = ingest(dirty, home, tmp_path)
    first = report.inputs[0]
    assert (first.table, first.rows, first.added) == ("users", 6, 4)
    assert first.quarantined == {"no user": 1, "duplicate": 1}
    assert report.added == 4, "rows of users are no events"
    assert "users: 6 rows of users.csv, 4 added, 2 quarantined (1 duplicate, 1 no user)" in str(report)
    assert "users: 4 users with attributes" in str(report)
    assert any(
        "1 cells of 'age' are no number" in each and "'old' in row 2" in each for each in report.warnings
    )
    assert any("1 cells of 'joined' are no time" in each for each in report.warnings)
    table = users_of(home)
    assert table.rows(named=True)[0] == {
        "user": "carl",
        "age": 31.0,
        "country": "at",
        "tags": ["film", "sport"],
        "joined": 1_588_291_200_000_000,
        "born": 1995.0,
        "about": "likes long walks",
    }
    assert table["user"].to_list() == ["carl", "anna", "bert.0", "bert"]
    assert table["age"].to_list() == [31.0, None, 27.0, 40.0]
    assert table["born"].to_list() == [1995.0, 1990.0, None, 1984.0]
    kinds = {
        "age": "number",
        "country": "category",
        "tags": "tags",
        "joined": "time",
        "born": "year",
        "about": "text",
    }
    assert json.loads(home.users_schema.read_text()) == kinds
    rejected = pl.read_parquet(home.quarantine / "users.parquet")
    assert rejected.select("file", "row", "reason").rows() == [
        ("users.csv", 3, "no user"),
        ("users.csv", 5, "duplicate"),
    ]
    assert rejected["cell age"].to_list() == ["20", "99"]


def test_users_with_events_come_first_then_the_others_of_the_table(dirty, home, tmp_path):
    ingest(dirty, home, tmp_path)
    data = load_dataset(dirty, home)
    assert data.users.keys == ["anna", "bert", "dora", "carl", "bert.0"]
    assert len(data.histories) == 3
    rows = [data.users.keys[row] for row in data.histories.rows]
    assert rows == ["anna", "anna", "bert", "dora"]
    assert data.users.table["country"].to_list() == ["de", "at", None, "at", None]
    assert data.user_schema["joined"] == "time"
    training = data.training_data(dirty)
    assert training.users is data.users
    assert (training.histories, training.items, training.objectives) == (
        data.histories,
        data.items,
        dirty.objectives,
    )


def test_without_a_table_users_are_those_of_the_log(home, tmp_path):
    system = system_of(None)
    report = ingest(system, home, tmp_path)
    assert report.users is None
    data = load_dataset(system, home)
    assert data.users.keys == ["anna", "bert", "dora"]
    assert data.users.table.columns == [USER]
    assert data.user_schema == {}


def test_a_kind_that_is_not_declared_is_inferred(home, tmp_path):
    table = pl.DataFrame({"id": ["anna", "bert"], "age": [30, 40], "langs": [["de"], ["de", "en"]]})
    ingest(system_of(table, age="age", langs="langs"), home, tmp_path)
    assert json.loads(home.users_schema.read_text()) == {"age": "number", "langs": "tags"}
    assert users_of(home)["langs"].to_list() == [["de"], ["de", "en"]]


def test_an_unchanged_table_is_not_read_again_and_a_changed_one_is(dirty, home, tmp_path):
    ingest(dirty, home, tmp_path)
    again = ingest(dirty, home, tmp_path)
    assert again.inputs[0].unchanged
    assert again.users == 4
    (tmp_path / "users.csv").write_text("id,age,country,tags,joined,born,about\ndora,50,ch,,,,\n")
    changed = ingest(dirty, home, tmp_path)
    assert (changed.inputs[0].unchanged, changed.users) == (False, 1)
    assert users_of(home)["user"].to_list() == ["dora"]
    assert len(pl.read_parquet(home.quarantine / "users.parquet")) == 0, (
        "of this file nothing is wrong any more"
    )


def test_another_kind_reads_the_same_file_again(dirty, home, tmp_path):
    ingest(dirty, home, tmp_path)
    ingest(system_of("users.csv", age=Category("age")), home, tmp_path)
    assert users_of(home)["age"].to_list() == ["31", "old", "27", "40"]


def test_a_table_that_is_no_longer_declared_is_dropped(dirty, home, tmp_path):
    ingest(dirty, home, tmp_path)
    without = system_of(None)
    ingest(without, home, tmp_path)
    assert not home.users.exists()
    assert load_dataset(without, home).users.table.columns == [USER]
    ingest(dirty, home, tmp_path)
    assert len(users_of(home)) == 4


def test_a_table_that_was_never_ingested_is_an_error(dirty, home, tmp_path):
    ingest(system_of(None), home, tmp_path)
    with pytest.raises(DataError, match="no users yet: run `shortlist ingest"):
        load_dataset(dirty, home)


def test_a_forgotten_user_leaves_the_table_and_does_not_come_back(dirty, home, tmp_path):
    ingest(dirty, home, tmp_path)
    store = open_store(home)
    forget(home, store, "anna")
    store.close()
    assert users_of(home)["user"].to_list() == ["carl", "bert.0", "bert"]
    left = [file for file in home.path.rglob("*") if file.is_file() and b"anna" in file.read_bytes()]
    assert left == [], "neither in the table nor in the quarantine"
    (tmp_path / "users.csv").write_text(DIRTY + "emil,18,at,,,,\n")
    report = ingest(dirty, home, tmp_path)
    assert report.inputs[0].forgotten == 2
    assert (report.inputs[0].added, report.inputs[0].quarantined) == (4, {"no user": 1})
    assert users_of(home)["user"].to_list() == ["carl", "bert.0", "bert", "emil"]
    assert "anna" not in load_dataset(dirty, home).users.keys


def test_forgetting_works_where_pictures_were_quarantined(dirty, home, tmp_path):
    """That quarantine has no cells, and the catalogue's first cell is an item's."""
    ingest(dirty, home, tmp_path)
    pl.DataFrame({"file": ["x"], "row": [1], "reason": ["truncated"], "item": ["anna"]}).write_parquet(
        home.quarantine / "pictures.parquet"
    )
    pl.DataFrame({"file": ["x"], "row": [1], "reason": ["duplicate"], "cell item": ["anna"]}).write_parquet(
        home.quarantine / "catalogue.parquet"
    )
    store = open_store(home)
    forget(home, store, "anna")
    store.close()
    assert len(pl.read_parquet(home.quarantine / "pictures.parquet")) == 1
    assert len(pl.read_parquet(home.quarantine / "catalogue.parquet")) == 1


@pytest.mark.parametrize("kind", [Image("photo"), Vector("embedding")])
def test_users_cannot_have_pictures_or_vectors(kind):
    name = type(kind).__name__
    message = (
        f"user: the attribute 'x' is a {name}, and users can have Number, Category, Text, Tags, Year, Time"
    )
    with pytest.raises(DeclarationError, match=message):
        system_of(RATINGS, x=kind)


def test_a_column_of_vectors_is_refused_where_its_kind_is_inferred(home, tmp_path):
    system = system_of(pl.DataFrame({"id": ["anna"], "taste": [[0.5, 1.0]]}), taste="taste")
    with pytest.raises(
        DataError, match="'taste' holds a vector, which users cannot have: leave the attribute"
    ):
        ingest(system, home, tmp_path)
    assert any(
        "'taste' holds a vector" in str(each) and each.severity == "error" for each in check(system, tmp_path)
    )


def test_check_reports_the_problems_of_the_table(dirty, tmp_path):
    problems = [(each.severity, str(each)) for each in check(dirty, tmp_path)]
    text = "users.csv, column 'id': 1 of 6 rows: duplicate (for example row 5: 'anna')"
    assert ("warning", text) in problems
    assert ("warning", "users.csv, column 'id': 1 of 6 rows: no user (for example row 3)") in problems
    assert any("1 cells of 'age' are no number" in text for _, text in problems)


def test_check_names_a_missing_column_and_a_missing_table(tmp_path):
    (tmp_path / "users.csv").write_text(DIRTY)
    texts = [str(each) for each in check(system_of("users.csv", age=Number("agee")), tmp_path)]
    assert any("users.csv: no column 'agee': did you mean 'age'?" in text for text in texts)
    texts = [str(each) for each in check(system_of("user.csv", age=Number("age")), tmp_path)]
    assert any("did you mean 'users.csv'?" in text for text in texts)


def test_check_notices_keys_of_another_kind(tmp_path):
    table = pl.DataFrame({"id": ["user-1", "user-2"], "age": [20, 30]})
    texts = [str(each) for each in check(system_of(table, age=Number("age")), tmp_path)]
    assert any(
        "no user of these events is in the table of users" in text and "'bert'" in text for text in texts
    )


def test_an_event_cannot_take_the_name_of_another_table(home, tmp_path):
    event = Event("users", Table(RATINGS), at="at", value="rating")
    system = System(
        name="small",
        user=Entity("id"),
        item=Entity("item"),
        events=[event],
        objectives=[Objective("liked", event)],
        sources=[Popular()],
    )
    with pytest.raises(DeclarationError, match="an event cannot be named 'users'"):
        ingest(system, home, tmp_path)


def test_lists_and_bytes_of_rejected_rows_are_kept_as_text(home, tmp_path):
    table = pl.DataFrame({"id": ["anna", "anna"], "langs": [["de"], ["en"]], "raw": [b"\xff", b"ab"]})
    system = system_of(table, langs=Tags("langs"), raw=Number("raw"))
    report = ingest(system, home, tmp_path)
    assert report.inputs[0].quarantined == {"duplicate": 1}
    assert pl.read_parquet(home.quarantine / "users.parquet")["cell langs"].to_list() == ["['en']"]
    assert any("cells of 'raw' are no number" in each for each in report.warnings)
