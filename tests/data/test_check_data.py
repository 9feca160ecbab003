"""Check: every problem of a declaration with its data, at once."""

import polars as pl
import pytest

from shortlist.data import check as check_module
from shortlist.data.check import check
from shortlist.data.ingest.ingest import ingest
from shortlist.system.entity import Entity, Number
from shortlist.system.table import SqlQuery, Table

MANY = pl.DataFrame(
    {
        "user": [user for user in range(100) for _ in range(20)],
        "item": [str(item) for _ in range(100) for item in range(20)],
        "rating": [float(item % 5 + 1) for _ in range(100) for item in range(20)],
        "at": [1_260_759_144 + second for second in range(2000)],
    }
)
ITEMS = pl.DataFrame({"id": [str(item) for item in range(20)], "price": [1.5] * 20})


def found(system, root) -> list[tuple[str, str]]:
    return [(problem.severity, str(problem)) for problem in check(system, root)]


def test_sound_data_have_no_problems(declare, tmp_path):
    system = declare(
        Table(MANY), entity=Entity("id", Table(ITEMS), price=Number("price")), when=pl.col("value") >= 4
    )
    assert check(system, tmp_path) == []


def test_all_tables_and_columns_are_looked_at_in_one_go(declare, tmp_path):
    MANY.write_csv(tmp_path / "ratings.csv")
    ITEMS.write_csv(tmp_path / "items.csv")
    (tmp_path / "empty.csv").touch()
    system = declare("ratings.csv", entity=Entity("id", Table("item.csv")), user="usr", at="when")
    problems = found(system, tmp_path)
    assert {severity for severity, _ in problems} == {"error"}
    texts = "\n".join(text for _, text in problems)
    assert "did you mean 'items.csv'?" in texts
    assert "ratings.csv: no column 'usr': did you mean 'user'?" in texts
    assert "ratings.csv: no column 'when'" in texts
    assert found(declare("empty.csv"), tmp_path) == [
        ("error", "empty.csv: is empty: write a table there, or take it out of the System file")
    ]
    (severity, text), *_ = found(declare(SqlQuery("sqlite:///gone.db", "SELECT 1")), tmp_path)
    assert severity == "error"
    assert "there is no file" in text


def test_bad_rows_are_counted_with_examples(declare, tmp_path):
    dirty = (
        MANY.cast(pl.String)
        .with_row_index("n", offset=1)
        .with_columns(
            rating=pl.when(pl.col("n") % 500 == 0).then(pl.lit("bad")).otherwise("rating"),
            at=pl.when(pl.col("n") == 7).then(pl.lit("soon")).otherwise("at"),
        )
    )
    pl.concat([dirty, dirty[:1]]).write_csv(tmp_path / "ratings.csv")
    problems = found(declare("ratings.csv", value_range=(1, 4)), tmp_path)
    start = "ratings.csv, column "
    assert (
        "warning",
        f"{start}'at': 1 of 2,001 rows (0.0%): time not understood (for example row 7: 'soon')",
    ) in problems
    number = "4 of 2,001 rows (0.2%): value is not a number (for example row 500: 'bad'; row 1,000: 'bad';"
    assert ("warning", f"{start}'rating': {number} row 1,500: 'bad')") in problems
    assert any("rows (19.8%): value outside 1 to 4" in text for _, text in problems)
    assert ("warning", "ratings.csv: 1 of 2,001 rows (0.0%): duplicate (for example row 2,001)") in problems


def test_a_table_that_is_all_wrong_is_an_error(declare, tmp_path):
    problems = found(declare(Table(MANY), at="item", value_range=(90, 99)), tmp_path)
    assert any(severity == "error" and "value outside 90 to 99" in text for severity, text in problems)
    assert ("error", "the DataFrame: no row is an event") in problems


def test_of_a_big_table_only_the_first_rows_are_read(declare, tmp_path, monkeypatch):
    monkeypatch.setattr(check_module, "SAMPLE_ROWS", 50)
    (problem,) = check(declare(Table(MANY), value_range=(1, 4)), tmp_path)
    assert "10 of the first 50 rows (20.0%): value outside 1 to 4" in str(problem)


@pytest.mark.parametrize(
    ("when", "severity", "message"),
    [
        (pl.col("value") > 9, "error", "never holds in all 2,000 events"),
        (pl.col("value") > 0, "warning", "holds in all 2,000 events: every label is the same"),
        (pl.col("value").str.contains("x"), "error", "cannot be evaluated"),
    ],
)
def test_objectives_whose_labels_are_all_the_same(when, severity, message, declare, tmp_path):
    (problem,) = check(declare(Table(MANY), when=when), tmp_path)
    assert problem.severity == severity
    assert message in str(problem)


def test_items_that_the_catalogue_lacks(declare, tmp_path):
    some = Entity("id", Table(ITEMS[5:]))
    ((severity, text),) = found(declare(Table(MANY), entity=some), tmp_path)
    assert severity == "warning"
    assert "500 of 2,000 rows (25.0%) are on items that the catalogue lacks" in text
    assert "'0'; '1'; '2'" in text
    none = Entity("id", Table(ITEMS.with_columns(id=pl.format("x{}", "id"))))
    ((severity, _),) = found(declare(Table(MANY), entity=none), tmp_path)
    assert severity == "error"


def test_the_catalogue_is_checked_too(declare, tmp_path):
    table = pl.concat([ITEMS.cast(pl.String), pl.DataFrame({"id": ["3", "20"], "price": ["2", "dear"]})])
    item = Entity("id", Table(table), price=Number("price"))
    texts = [text for _, text in found(declare(Table(MANY), entity=item), tmp_path)]
    assert "the DataFrame, column 'id': 1 of 22 rows: duplicate (for example row 21: '3')" in texts
    assert any("1 cells of 'price' are no number" in text and "'dear' in row 22" in text for text in texts)


def test_days_written_as_numbers_are_noticed(declare, tmp_path):
    days = MANY.with_columns(pl.Series("at", [20_200_101 + index % 28 for index in range(2000)]))
    ((severity, text),) = found(declare(Table(days)), tmp_path)
    assert severity == "error"
    assert "write days as 2020-01-31" in text


def test_too_few_events_to_learn_from(declare, tmp_path):
    ((severity, text),) = found(declare(Table(MANY[:50])), tmp_path)
    assert severity == "warning"
    assert "50 events of 3 users are too few to learn from" in text


@pytest.mark.parametrize(
    "lines",
    [
        ['1,"10,4,100', *["1,10,4,100"] * 3],
        ["1,10,4,100", '1,10,4,100"'],
        ['1,"10,4,100', "1,10,4,100,oops", "1,10", '1,"a"b,4,100'],
        ["1,10,4,100,oops", "1,10,4,100"],
    ],
)
def test_malformed_lines_are_counted_as_ingest_counts_them(declare, home, tmp_path, lines):
    (tmp_path / "ratings.csv").write_text("\n".join(["user,item,rating,at", *lines]) + "\n")
    system = declare("ratings.csv")
    reasons = ingest(system, home, tmp_path).reasons
    messages = [problem.message for problem in check(system, tmp_path) if "rows (" in problem.message]
    assert sorted(messages) == sorted(
        f"{count} of {len(lines)} rows ({count / len(lines):.1%}): {reason}"
        for reason, count in reasons.items()
    )


def test_a_missing_file_is_named_once(declare, tmp_path):
    (text,) = [text for _, text in found(declare("gone.csv"), tmp_path) if "gone.csv" in text]
    assert text.startswith("gone.csv: there is no such file in")
    assert text.count("gone.csv") == 1
