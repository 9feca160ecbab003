"""Answers as tables: columns, types, and what HTML and text show."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import polars as pl
import pytest
from msgspec import Meta, Struct

from shortlist.service.tables import Tabular, cell_text, count_of, html_table


class Row(Struct):
    name: str
    seen: Annotated[bool, Meta(description="annotations are passed over")]
    at: datetime | None
    tags: list[str]
    scores: Annotated[dict[str, float | None], Meta(description="source to score")]
    parts: dict[str, dict[str, float]]
    attributes: dict[str, Any]


class Answer(Tabular):
    rows: list[Row]

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return Row, self.rows

    def _heading(self) -> str:
        return f"{count_of(len(self.rows), 'row')} <b>"


MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
ANSWER = Answer(
    [
        Row("a", True, MOMENT, ["x", "y"], {"ease": 1, "als": None}, {"liked": {"age": 0.5}}, {"year": 1977}),
        Row("b", False, None, [], {"popular": 0.25}, {"liked": {"price": 2}}, {"year": None, "of": "us"}),
    ]
)


def test_columns_have_the_declared_types():
    table = ANSWER.to_polars()
    assert dict(table.schema) == {
        "name": pl.String,
        "seen": pl.Boolean,
        "at": pl.Datetime("us", "UTC"),
        "tags": pl.List(pl.String),
        "scores.ease": pl.Float64,
        "scores.als": pl.Float64,
        "scores.popular": pl.Float64,
        "parts.liked.age": pl.Float64,
        "parts.liked.price": pl.Float64,
        "attributes.year": pl.Int64,
        "attributes.of": pl.String,
    }
    assert table["at"].to_list() == [MOMENT, None]
    assert table["scores.ease"].to_list() == [1.0, None]
    assert table["parts.liked.price"].to_list() == [None, 2.0]


def test_columns_without_rows():
    table = Answer([]).to_polars()
    assert dict(table.schema) == {
        "name": pl.String,
        "seen": pl.Boolean,
        "at": pl.Datetime("us", "UTC"),
        "tags": pl.List(pl.String),
    }
    assert pl.concat([table, ANSWER.to_polars()], how="diagonal").shape == (2, 11)


def test_html_and_text():
    html = ANSWER._repr_html_()
    assert html.startswith("<p>2 rows &lt;b&gt;</p><table>")
    assert "<small>scores</small><br>ease" in html
    assert "2024-05-06 07:08" in html
    assert ">x, y<" in html
    text = repr(ANSWER)
    assert text.startswith("2 rows <b>\n")
    assert all(column in text for column in ANSWER.to_polars().columns)
    assert Answer([])._repr_html_() == "<p>0 rows &lt;b&gt;</p>"
    assert repr(Answer([])) == "0 rows <b>\n(no rows)"


def test_hostile_text_is_escaped_everywhere():
    html = html_table(pl.DataFrame({"<i>.<i>": ["<script>"], "'x'": [["<u>"]]}), "<h1>")
    for tag in ("<i>", "<script>", "<u>", "<h1>", "'x'>"):
        assert tag not in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "True"),
        (7, "7"),
        (1977.0, "1977"),
        (0.123456, "0.123"),
        (1e-9, "1e-09"),
        (12345.67, "12346"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ([1.5, None, "a"], "1.5, , a"),
        (MOMENT, "2024-05-06 07:08"),
    ],
)
def test_values_for_readers(value, text):
    assert cell_text(value) == text
