"""Ingest of every kind of table: what lands in the log and the catalogue, and that nothing doubles."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortlist.base.columns import DAY
from shortlist.base.errors import DataError, StoreError
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log.log import only_writer, scan
from shortlist.data.reading import inputs
from shortlist.storage.home import Home
from shortlist.system.entity import Category, Entity, Number, Tags, Text, Time, Year
from shortlist.system.event import Event
from shortlist.system.table import Sample, Table

RATINGS = pl.DataFrame(
    {
        "user": [1, 2, 1, 3],
        "item": [318, 318, 50, 50],
        "rating": [4.5, 3.0, 5.0, 1.0],
        "at": [1_260_759_144, 1_260_759_150, 1_260_845_544, 1_260_759_200],
    }
)
EXPECTED = [  # oldest day first, then in the order of the file
    ("1", "318", 1_260_759_144_000_000, 4.5),
    ("2", "318", 1_260_759_150_000_000, 3.0),
    ("3", "50", 1_260_759_200_000_000, 1.0),
    ("1", "50", 1_260_845_544_000_000, 5.0),
]


def logged(home: Home) -> list[tuple]:
    return list(scan(home).select("user", "item", "at", "value").collect().iter_rows())


WRITERS = {
    "csv": RATINGS.write_csv,
    "tsv": lambda path: RATINGS.write_csv(path, separator="\t"),
    "semicolons.csv": lambda path: RATINGS.write_csv(path, separator=";"),
    "bom.csv": lambda path: RATINGS.write_csv(path, include_bom=True),
    "csv.gz": lambda path: RATINGS.write_csv(path, compression="gzip"),
    "parquet": RATINGS.write_parquet,
    "jsonl": RATINGS.write_ndjson,
    "[1].ndjson": RATINGS.write_ndjson,
    "[1].csv": RATINGS.write_csv,
    "floats.csv": lambda path: RATINGS.cast({"user": pl.Float64}).write_csv(path),
    "times.parquet": lambda path: RATINGS.with_columns(pl.from_epoch("at")).write_parquet(path),
    "zone.parquet": lambda path: RATINGS.with_columns(
        pl.from_epoch("at").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    ).write_parquet(path),
    "iso.csv": lambda path: RATINGS.with_columns(pl.from_epoch("at")).write_csv(path),
    "milliseconds.parquet": lambda path: RATINGS.with_columns(pl.col("at") * 1000).write_parquet(path),
    "words.parquet": lambda path: RATINGS.cast(pl.String).write_parquet(path),
    "categories.parquet": lambda path: RATINGS.with_columns(
        pl.col("user").cast(pl.String).cast(pl.Categorical), pl.col("item").cast(pl.Float32)
    ).write_parquet(path),
    "decimals.parquet": lambda path: RATINGS.cast(
        {"user": pl.Decimal(10, 2), "rating": pl.Decimal(10, 2)}
    ).write_parquet(path),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_log(ending, declare, home, tmp_path):
    name = f"ratings{'' if ending.startswith('[') else '.'}{ending}"
    WRITERS[ending](tmp_path / name)
    report = ingest(declare(name), home, tmp_path)
    assert (report.rows, report.added, report.quarantined) == (4, 4, 0)
    assert logged(home) == EXPECTED


def test_a_dataframe_is_a_table(declare, home, tmp_path):
    system = declare(Table(RATINGS))
    assert ingest(system, home, tmp_path).added == 4
    again = ingest(system, home, tmp_path)
    assert (again.added, again.inputs[0].already_logged) == (0, 4)
    assert logged(home) == EXPECTED


def test_a_folder_is_read_file_by_file(declare, home, tmp_path):
    folder = tmp_path / "ratings"
    (folder / "old").mkdir(parents=True)
    RATINGS[:1].write_csv(folder / "a.csv")
    RATINGS[1:3].write_parquet(folder / "b.parquet")
    RATINGS[3:].write_ndjson(folder / "old" / "c.jsonl")
    (folder / "README.md").write_text("no table")
    (folder / "_part.csv").write_text("not finished")
    (folder / "quiet-day.csv").touch()
    report = ingest(declare("ratings"), home, tmp_path)
    assert [each.file for each in report.inputs] == [
        "ratings/a.csv",
        "ratings/b.parquet",
        "ratings/old/c.jsonl",
    ]
    assert sorted(logged(home)) == sorted(EXPECTED)


def test_the_log_is_parquet_by_day(declare, home, tmp_path):
    ingest(declare(Table(RATINGS)), home, tmp_path)
    assert {folder.name for folder in home.events.iterdir()} == {"day=2009-12-14", "day=2009-12-15"}
    rows = pl.read_parquet(home.events / "**/*.parquet", hive_partitioning=True)
    assert (rows["day"] == rows["at"].cast(pl.Datetime("us")).dt.date()).all()
    assert rows["event"].unique().to_list() == ["rating"]
    assert rows["event_id"].n_unique() == 4


def test_dates_and_decimals_are_read(declare, home, tmp_path):
    table = pl.DataFrame({"user": ["a"], "item": ["b"], "at": [date(2020, 1, 2)], "rating": [Decimal("4.5")]})
    ingest(declare(Table(table)), home, tmp_path)
    assert logged(home) == [("a", "b", int(datetime(2020, 1, 2, tzinfo=UTC).timestamp() * 1e6), 4.5)]


def test_without_a_clock_the_order_of_rows_is_the_order_of_time(declare, home, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    plain = RATINGS.select("user", "item")
    plain.write_csv(folder / "1.csv")
    plain.write_csv(folder / "2.csv")
    system = declare("logs", at=None, value=None)
    report = ingest(system, home, tmp_path)
    assert (report.added, report.quarantined) == (8, 0)  # the same pair again is another event
    at = scan(home).collect()["at"]
    assert at.is_sorted()
    assert at.n_unique() == 8
    assert at.max() < DAY
    pl.concat([plain, pl.DataFrame({"user": [9], "item": [9]})]).write_csv(folder / "1.csv")
    again = ingest(system, home, tmp_path)
    assert (again.added, again.inputs[0].already_logged) == (1, 4)


def test_ids_tell_rows_apart_and_bring_together(declare, home, tmp_path):
    table = RATINGS.with_columns(pl.Series("key", ["x", "y", "x", "z"]))
    report = ingest(declare(Table(table), id="key"), home, tmp_path)
    assert (report.added, report.reasons) == (3, {"duplicate": 1})
    assert scan(home).collect()["event_id"].to_list() == ["x", "y", "z"]
    moved = table[1:2].with_columns(pl.col("at") + 999_999)  # the id counts, not the time
    assert ingest(declare(Table(moved), id="key"), home, tmp_path).added == 0


def test_the_same_id_of_two_events_is_two_events(declare, home, tmp_path):
    keyed = RATINGS[:1].with_columns(pl.Series("key", ["x"]))
    other = Event("view", Table(keyed), at="at", id="key")
    assert ingest(declare(Table(keyed), other, id="key"), home, tmp_path).added == 2


def test_equal_rows_of_two_events_are_two_events(declare, home, tmp_path):
    other = Event("view", Table(RATINGS), at="at", value="rating")
    ingest(declare(Table(RATINGS), other), home, tmp_path)
    rows = scan(home).collect()
    assert len(rows) == 8
    assert rows["event_id"].n_unique() == 8


def test_unchanged_files_are_not_read_again(declare, home, tmp_path):
    RATINGS.write_csv(tmp_path / "ratings.csv")
    ingest(declare("ratings.csv"), home, tmp_path)
    again = ingest(declare("ratings.csv"), home, tmp_path)
    assert [each.unchanged for each in again.inputs] == [True]
    assert (again.rows, again.added) == (0, 0)
    assert logged(home) == EXPECTED


def test_of_an_appended_file_only_new_rows_are_added(declare, home, tmp_path):
    path = tmp_path / "ratings.csv"
    RATINGS[:2].write_csv(path)
    bad = "9,9,bad,1260759144\n9,9,1,1260759144\n9,9,1,1260759144\n"
    path.write_text(path.read_text() + bad)
    first = ingest(declare("ratings.csv"), home, tmp_path)
    assert (first.added, first.reasons) == (3, {"value is not a number": 1, "duplicate": 1})
    path.write_text(path.read_text() + RATINGS[2:].write_csv(include_header=False))
    again = ingest(declare("ratings.csv"), home, tmp_path)
    (rating,) = again.inputs
    assert (rating.rows, rating.added, rating.already_logged) == (7, 2, 3)
    assert again.reasons == first.reasons
    assert pl.read_parquet(home.quarantine / "rating.parquet")["row"].sort().to_list() == [3, 5]


def test_a_mended_file_leaves_the_quarantine(declare, home, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating,at\n1,2,bad,1260759144\n")
    ingest(declare("ratings.csv"), home, tmp_path)
    path.write_text("user,item,rating,at\n1,2,3,1260759144\n")
    assert ingest(declare("ratings.csv"), home, tmp_path).quarantined == 0
    assert len(pl.read_parquet(home.quarantine / "rating.parquet")) == 0


def test_batches_do_not_show(declare, home, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "FAST_BATCH_ROWS", 7)
    rows = [(user % 5, user % 3, 1.0, 1_260_759_144 + user // 2 * 40_000) for user in range(60)]
    table = pl.DataFrame(rows + rows[:20], schema=["user", "item", "rating", "at"], orient="row")
    report = ingest(declare(Table(table)), home, tmp_path)
    assert report.reasons == {"duplicate": 20}
    kept = [(str(user), str(item), at * 1_000_000, value) for user, item, value, at in rows]
    assert logged(home) == sorted(kept, key=lambda row: row[2] // DAY)


def test_another_reading_of_the_same_event_is_refused(declare, home, tmp_path):
    table = RATINGS.with_columns(other="item")
    ingest(declare(Table(table)), home, tmp_path)
    with pytest.raises(DataError, match="read from other columns"):
        ingest(declare(Table(table), item="other"), home, tmp_path)


def test_one_ingest_at_a_time(declare, home, tmp_path):
    with only_writer(home), pytest.raises(StoreError, match="another ingest"):
        ingest(declare(Table(RATINGS)), home, tmp_path)


def test_a_file_that_changes_while_it_is_read_is_read_again(declare, home, tmp_path, monkeypatch):
    path = tmp_path / "ratings.csv"
    RATINGS[:2].write_csv(path)
    stamps = iter([1, 2])
    monkeypatch.setattr(inputs.Input, "stamp", lambda self: next(stamps))
    (warning,) = ingest(declare("ratings.csv"), home, tmp_path).warnings
    assert "changed while it was read" in warning
    monkeypatch.undo()
    again = ingest(declare("ratings.csv"), home, tmp_path)
    assert (again.inputs[0].already_logged, again.added) == (2, 0)


cells = st.sampled_from(["1", "2", "x", "2.0", "", " "])
rows = st.lists(
    st.tuples(cells, cells, st.sampled_from(["1", "5.0", "", "z"]), st.integers(0, 4)), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, cut=st.integers(0, 25))
def test_ingest_twice_is_ingest_once(rows, cut, declare, tmp_path_factory):
    folder = tmp_path_factory.mktemp("twice")
    text = [f"{user},{item},{value},{at * 43_200}\n" for user, item, value, at in rows]
    header = "user,item,rating,at\n"

    def run(home: Home, *texts: str) -> pl.DataFrame:
        for each in texts:
            (folder / "ratings.csv").write_text(header + each)
            report = ingest(declare("ratings.csv"), home, folder)
            reading = sum(each.rows for each in report.inputs)
            placed = report.added + sum(each.already_logged for each in report.inputs) + report.quarantined
            assert reading == placed
        return scan(home).select("user", "item", "at", "value").collect()

    once = run(Home.open(folder / "once"), "".join(text))
    twice = run(Home.open(folder / "twice"), "".join(text[:cut]), "".join(text), "".join(text) + "\n")
    assert twice.sort(pl.all()).equals(once.sort(pl.all()))
    assert once.is_duplicated().sum() == 0


def test_the_catalogue_is_typed(declare, home, tmp_path):
    (tmp_path / "films.csv").write_text(
        "id,title,genres,price,made,brand,text\n"
        "1.0,Toy Story (1995),Comedy| Drama|,9.5,2020-01-02,acme,a long text about a toy that walks\n"
        "2,Heat,Crime,free,1577923200,acme,a long text about a heist that goes wrong\n"
    )
    item = Entity(
        "id",
        Table("films.csv"),
        title="title",
        genres=Tags("genres"),
        year=Year("title"),
        price=Number("price"),
        made=Time("made"),
        brand=Category("brand"),
        about=Text("text"),
    )
    report = ingest(declare(Table(RATINGS), entity=item), home, tmp_path)
    table = pl.read_parquet(home.items)
    assert table.to_dicts() == [
        {
            "item": "1",
            "title": "Toy Story (1995)",
            "genres": ["Comedy", "Drama"],
            "year": 1995.0,
            "price": 9.5,
            "made": 1_577_923_200_000_000,
            "brand": "acme",
            "about": "a long text about a toy that walks",
        },
        {
            "item": "2",
            "title": "Heat",
            "genres": ["Crime"],
            "year": None,
            "price": None,
            "made": 1_577_923_200_000_000,
            "brand": "acme",
            "about": "a long text about a heist that goes wrong",
        },
    ]
    kinds = {"title": "text", "genres": "tags", "year": "year", "price": "number", "made": "time"}
    assert json.loads(home.schema.read_text()) == kinds | {"brand": "category", "about": "text"}
    assert any("1 cells of 'price' are no number" in warning for warning in report.warnings)
    assert report.inputs[1].unlisted == 4  # ratings are of 318 and 50
    assert report.added == 4
    assert "4 of 4 new events" in str(report)


def test_kinds_follow_the_column_where_none_is_declared(declare, home, tmp_path):
    count = 60
    table = pl.DataFrame(
        {
            "id": range(count),
            "number": [1.5] * count,
            "digits": ["12"] * count,
            "when": [datetime(2020, 1, 1)] * count,
            "day": ["2020-01-02"] * count,
            "list": [[1, 2]] * count,
            "bars": ["a|b", "c"] * (count // 2),
            "brand": ["acme", "other"] * (count // 2),
            "name": [f"item {row}" for row in range(count)],
            "story": ["once upon a time there was"] * count,
            "flag": [True, False] * (count // 2),
        }
    )
    item = Entity("id", Table(table), **{name: name for name in table.columns[1:]})
    ingest(declare(Table(RATINGS), entity=item), home, tmp_path)
    assert json.loads(home.schema.read_text()) == {
        "number": "number",
        "digits": "number",
        "when": "time",
        "day": "time",
        "list": "tags",
        "bars": "tags",
        "brand": "category",
        "name": "text",
        "story": "text",
        "flag": "category",
    }
    kinds = pl.read_parquet_schema(home.items)
    assert kinds["list"] == pl.List(pl.String)
    assert kinds["when"] == pl.Int64
    assert kinds["digits"] == pl.Float64


def test_rows_that_are_no_items_are_quarantined(declare, home, tmp_path):
    (tmp_path / "films.csv").write_bytes(b"id,title\n1,One\n,Nothing\n1,Again\n2,caf\xe9\n3,Three\n")
    report = ingest(
        declare(Table(RATINGS), entity=Entity("id", Table("films.csv"), title="title")), home, tmp_path
    )
    assert pl.read_parquet(home.items)["item"].to_list() == ["1", "3"]
    assert report.items == 2
    assert report.reasons == {"no item": 1, "duplicate": 1, "not UTF-8": 1}
    table = pl.read_parquet(home.quarantine / "catalogue.parquet")
    assert table.select("row", "reason").rows() == [(2, "no item"), (3, "duplicate"), (4, "not UTF-8")]


def test_the_catalogue_is_read_again_only_when_it_changed(declare, home, tmp_path):
    path = tmp_path / "films.csv"
    path.write_text("id,title\n1,One\n")
    item = Entity("id", Table("films.csv"), title="title")
    ingest(declare(Table(RATINGS), entity=item), home, tmp_path)
    assert ingest(declare(Table(RATINGS), entity=item), home, tmp_path).inputs[0].unchanged
    path.write_text("id,title\n1,Two\n")
    assert not ingest(declare(Table(RATINGS), entity=item), home, tmp_path).inputs[0].unchanged
    assert pl.read_parquet(home.items)["title"].to_list() == ["Two"]
    retyped = Entity("id", Table("films.csv"), name=Category("title"))
    assert not ingest(declare(Table(RATINGS), entity=retyped), home, tmp_path).inputs[0].unchanged
    assert pl.read_parquet(home.items).columns == ["item", "name"]


def test_without_a_table_the_items_are_those_of_the_events(declare, home, tmp_path):
    assert ingest(declare(Table(RATINGS)), home, tmp_path).items == 2
    assert pl.read_parquet(home.items)["item"].to_list() == ["318", "50"]


def test_a_future_within_a_day_is_a_slow_clock(declare, home, tmp_path):
    now = datetime.now(UTC)
    table = RATINGS[:2].with_columns(pl.Series("at", [now + timedelta(hours=20), now + timedelta(hours=28)]))
    report = ingest(declare(Table(table)), home, tmp_path)
    assert (report.added, report.reasons) == (1, {"time in the future": 1})


def test_movielens_small(data_folder: Path, declare, home, monkeypatch):
    monkeypatch.setenv("SHORTLIST_DATA", str(data_folder))
    if not (data_folder / "movielens-small").is_dir():
        pytest.skip("no movielens-small here")
    item = Entity("movieId", Sample("movielens-small", "movies.csv"), title="title", genres=Tags("genres"))
    system = declare(
        Sample("movielens-small", "ratings.csv"), entity=item, user="userId", item="movieId", at="timestamp"
    )
    report = ingest(system, home, Path())
    assert (report.items, report.added, report.quarantined) == (9125, 100_004, 0)
    assert scan(home).collect()["value"].mean() == pytest.approx(3.5436, abs=1e-4)


def test_a_damaged_ledger_is_an_error_and_may_be_removed(declare, home, tmp_path):
    (tmp_path / "events.csv").write_text("user,item,rating,at\nx,a,4,100\n")
    system = declare(Table("events.csv"))
    ingest(system, home, tmp_path)
    for content in ("{", "[]", '{"format": 1, "inputs": {"rating": {"events.csv": {"size": 3}}}}'):
        home.ledger.write_text(content)
        with pytest.raises(DataError, match=r"ingested\.json is damaged .*: remove it, and ingest again"):
            ingest(system, home, tmp_path)
    home.ledger.unlink()
    report = ingest(system, home, tmp_path)
    assert (report.added, report.inputs[-1].already_logged) == (0, 1)
