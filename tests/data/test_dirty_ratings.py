"""A dirty ratings file: every kind of dirt gets one clear message or reason, and the good rows are kept."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from shortlist.base.errors import DataError, DeclarationError
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log.log import scan
from shortlist.storage.home import Home
from shortlist.system.table import Table

GOOD = "1,10,4.5,1260759144\n2,11,3,1260759150\n"


def logged(home: Home) -> list[tuple[str, str]]:
    return list(scan(home).select("user", "item").collect().iter_rows())


def quarantined(home: Home) -> dict[int, str]:
    """Row number to reason."""
    table = pl.read_parquet(home.quarantine / "rating.parquet")
    return dict(table.select("row", "reason").iter_rows())


@pytest.fixture
def write(tmp_path: Path):
    def to(name: str, rows: str | bytes, header: str = "user,item,rating,at\n") -> Path:
        text = header.encode() + (rows.encode() if isinstance(rows, str) else rows)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return to


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",10,4,1260759144", "no user"),
        ("   ,10,4,1260759144", "no user"),
        ("1,,4,1260759144", "no item"),
        ("1,10,4,", "no time"),
        ("1,10,4", "no time"),
        ("1,10,4,last Tuesday", "time not understood"),
        ("1,10,4,31/12/2020", "time not understood"),
        ("1,10,4,2020-13-45", "time not understood"),
        ("1,10,4,-5", "time before 1970"),
        ("1,10,4,1931-01-01", "time before 1970"),
        ("1,10,4,9999999999", "time in the future"),
        ("1,10,4,2250-01-01", "time in the future"),
        ("1,10,four,1260759144", "value is not a number"),
        ("1,10,NaN,1260759144", "value is not a number"),
        ("1,10,inf,1260759144", "value is not a number"),
        ('1,10,"4,5",1260759144', "value is not a number"),
        ("1,10,5.5,1260759144", "value outside 0.5 to 5"),
        ("1,10,-1,1260759144", "value outside 0.5 to 5"),
        ("1,10,4,1260759144,oops", "malformed line: more cells than the header"),
        ('1,"10,4,1260759144', "malformed line: a quote that does not close"),
        ("1,10\udcff,4,1260759144", "not UTF-8"),
        ("1,10,4.5,1260759144", "duplicate"),
        ("1,10,4.50,1260759144.0", "duplicate"),
        ("", "empty row"),
    ],
)
def test_one_bad_row_is_quarantined_with_its_reason(line, reason, write, declare, home, tmp_path):
    rows = (GOOD + line + "\n" + "3,12,5,1260759160\n").encode("utf-8", "surrogateescape")
    write("ratings.csv", rows)
    report = ingest(declare("ratings.csv", value_range=(0.5, 5)), home, tmp_path)
    assert quarantined(home) == {3: reason}
    assert report.reasons == {reason: 1}
    assert (report.rows, report.added, report.quarantined) == (4, 3, 1)
    assert logged(home) == [("1", "10"), ("2", "11"), ("3", "12")]


def test_the_quarantine_shows_file_row_and_the_cells_as_they_stood(write, declare, home, tmp_path):
    write("ratings.csv", GOOD + " 7 ,10,four,soon\n")
    ingest(declare("ratings.csv"), home, tmp_path)
    assert pl.read_parquet(home.quarantine / "rating.parquet").to_dicts() == [
        {
            "file": "ratings.csv",
            "row": 3,
            "reason": "time not understood",
            "cell user": " 7 ",
            "cell item": "10",
            "cell at": "soon",
            "cell rating": "four",
        }
    ]


def test_mixed_types_of_one_column_are_read_each_for_itself(write, declare, home, tmp_path):
    times = [
        "1260759144",
        "1260759144000",
        "1260759144000000",
        "1260759144.0",
        "2009-12-14T02:52:24Z",
        "2009-12-14 02:52:24",
        "2009-12-14T03:52:24+01:00",
        "2009/12/14 02:52:24.000",
        " 1260759144 ",
    ]
    write("ratings.csv", "".join(f"u{row},{row}.0,4,{at}\n" for row, at in enumerate(times)))
    assert ingest(declare("ratings.csv"), home, tmp_path).quarantined == 0
    rows = scan(home).collect()
    assert rows["at"].unique().to_list() == [1_260_759_144_000_000]
    assert rows["item"].to_list() == [str(row) for row in range(len(times))]


def test_a_missing_rating_is_kept_without_a_value(write, declare, home, tmp_path):
    write("ratings.csv", "1,10,,1260759144\n2,10, ,1260759144\n")
    assert ingest(declare("ratings.csv"), home, tmp_path).quarantined == 0
    assert scan(home).collect()["value"].to_list() == [None, None]


@pytest.mark.parametrize("name", ["ratings.csv", "ratings.csv.gz"])
def test_bytes_that_are_not_utf8_do_not_stop_the_rest(name, write, declare, home, tmp_path):
    write(name, GOOD.encode() + b"caf\xe9,12,5,1260759160\n" + "naïve,13,5,1260759170\n".encode())
    report = ingest(declare(name), home, tmp_path)
    assert report.reasons == {"not UTF-8": 1}
    assert len(logged(home)) == 3


def test_bad_bytes_in_a_column_that_is_not_used_do_no_harm(write, declare, home, tmp_path):
    write("ratings.csv", b"1,10,4,1260759144,caf\xe9\n", header="user,item,rating,at,note\n")
    assert ingest(declare("ratings.csv"), home, tmp_path).quarantined == 0
    assert logged(home) == [("1", "10")]


def test_a_quoted_cell_may_go_on_over_lines_and_a_slipped_quote_takes_one_line_only(
    write, declare, home, tmp_path
):
    rows = '1,10,4,1260759144,"two\nlines"\n2,11,4,1260759145,"slipped\n3,12,4,1260759146,fine\n'
    rows += '4,13,4,1260759147,"a"b\n'
    write("ratings.csv", rows, header="user,item,rating,at,note\n")
    report = ingest(declare("ratings.csv"), home, tmp_path)
    assert logged(home) == [("1", "10"), ("3", "12")]
    assert report.reasons == {"malformed line: a quote that does not close": 2}


def test_malformed_json_lines_are_quarantined(declare, home, tmp_path):
    good = {"user": 1, "item": "a", "rating": 4, "at": "2020-01-01"}
    lines = [
        json.dumps(good),
        "not json",
        "[1, 2]",
        json.dumps(good | {"user": None}),
        json.dumps(good | {"item": 2.0}),
    ]
    (tmp_path / "ratings.jsonl").write_text("\n".join(lines))
    report = ingest(declare("ratings.jsonl"), home, tmp_path)
    assert report.reasons == {"malformed line: no JSON object": 2, "no user": 1}
    assert logged(home) == [("1", "a"), ("1", "2")]


def problems(system, home, root) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        ingest(system, home, root)
    return caught.value.problems


def test_missing_columns_are_all_named_with_a_suggestion(write, declare, home, tmp_path):
    write("ratings.csv", GOOD)
    found = problems(declare("ratings.csv", user="usr", value="ratng"), home, tmp_path)
    assert found == [
        "ratings.csv: no column 'usr': did you mean 'user'?",
        "ratings.csv: no column 'ratng': did you mean 'rating'?",
    ]


def test_an_empty_file_is_named(write, declare, home, tmp_path):
    write("ratings.csv", "", header="")
    assert problems(declare("ratings.csv"), home, tmp_path) == [
        "ratings.csv is empty: write a table there, or take it out of the System file"
    ]


def test_a_missing_table_is_named_with_a_suggestion(write, declare, home, tmp_path):
    write("ratings.csv", GOOD)
    (found,) = problems(declare("rating.csv"), home, tmp_path)
    assert "rating.csv: there is no such file" in found
    assert "did you mean 'ratings.csv'?" in found


def test_a_wrong_separator_is_named(write, declare, home, tmp_path):
    write("ratings.csv", GOOD)
    (found,) = problems(declare(Table("ratings.csv", separator=";")), home, tmp_path)
    assert found == (
        "ratings.csv: its cells are separated by ',', not by ';': leave the separator out of Table(...)"
    )


def test_utf16_is_named(declare, home, tmp_path):
    (tmp_path / "ratings.csv").write_bytes(("user,item,rating,at\n" + GOOD).encode("utf-16"))
    assert problems(declare("ratings.csv"), home, tmp_path) == ["ratings.csv is UTF-16: save it as UTF-8"]


def test_a_file_that_is_no_parquet_is_named(write, declare, home, tmp_path):
    write("ratings.parquet", GOOD)
    (found,) = problems(declare("ratings.parquet"), home, tmp_path)
    assert found.startswith("ratings.parquet cannot be read as Parquet")


def test_an_unknown_ending_needs_a_separator(write, declare, home, tmp_path):
    write("ratings.dat", GOOD)
    (found,) = problems(declare("ratings.dat"), home, tmp_path)
    assert "its ending names no format" in found
    assert ingest(declare(Table("ratings.dat", separator=",")), home, tmp_path).added == 2


def test_a_folder_without_tables_is_named(declare, home, tmp_path):
    (tmp_path / "logs").mkdir()
    (found,) = problems(declare("logs"), home, tmp_path)
    assert "logs holds no tables" in found
    (tmp_path / "logs" / "a.csv").touch()
    (found,) = problems(declare("logs"), home, tmp_path)
    assert "logs holds empty files only" in found


def test_a_damaged_parquet_file_is_named(declare, home, tmp_path):
    path = tmp_path / "ratings.parquet"
    pl.DataFrame(
        {"user": range(5000), "item": range(5000), "at": range(5000), "rating": [1.0] * 5000}
    ).write_parquet(path)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56  # the head of the first page
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"ratings\.parquet cannot be read"):
        ingest(declare("ratings.parquet"), home, tmp_path)
    assert logged(home) == []
