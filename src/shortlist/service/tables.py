"""Answers as tables, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import polars as pl
from msgspec import Struct

_DTYPES: Mapping[Any, Any] = {
    str: pl.String,
    bool: pl.Boolean,
    int: pl.Int64,
    float: pl.Float64,
    datetime: pl.Datetime("us", "UTC"),
}


class Tabular(Struct):
    """Base of answers that are rows under a heading: `to_polars`, HTML in notebooks, text elsewhere."""

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        """The type of the rows, and the rows."""
        raise NotImplementedError

    def _heading(self) -> str:
        """The line above the table."""
        return ""

    def to_polars(self) -> pl.DataFrame:
        """One row per entry, typed also where there are none.

        A mapping gives a column ``field.name`` for each name that occurs: concatenate with ``how="diagonal"``.
        """
        kind, rows = self._rows()
        return pl.DataFrame(
            [
                series
                for name, hint in get_type_hints(kind).items()
                for series in _series(name, hint, [getattr(row, name) for row in rows])
            ]
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        return html_table(self.to_polars(), self._heading())

    def __repr__(self) -> str:
        return text_table(self.to_polars(), self._heading())


def html_table(table: pl.DataFrame, heading: str = "") -> str:
    """The table in HTML, in the style of the page around it; all text is escaped."""
    sides = ["right" if dtype.is_numeric() else "left" for dtype in table.dtypes]
    head = "".join(_th(name, side) for name, side in zip(table.columns, sides, strict=True))
    body = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:{side}'>{escape(cell_text(value))}</td>"
            for value, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in table.iter_rows()
    )
    caption = f"<p>{escape(heading)}</p>" if heading else ""
    if not body:
        return caption or "<p>(no rows)</p>"
    return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text_table(table: pl.DataFrame, heading: str = "") -> str:
    """The table in plain text, all of its rows and columns."""
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=160,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="NOTHING",
        fmt_str_lengths=60,
        fmt_table_cell_list_len=-1,
        float_precision=3,
    ):
        return f"{heading}\n{table if len(table) else '(no rows)'}".lstrip("\n")


def count_of(number: int, noun: str) -> str:
    """``1 item``, ``2,000 items``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def cell_text(value: object) -> str:
    """A value for readers: numbers to three digits, moments to the minute, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return ", ".join(map(cell_text, value))
    return str(value)


def _th(name: str, side: str) -> str:
    """A heading; what a mapping's name is a part of stands small above it."""
    group, _, inner = name.partition(".")
    shown = f"<small>{escape(group)}</small><br>{escape(inner)}" if inner else escape(group)
    return f"<th style='text-align:{side};vertical-align:bottom'>{shown}</th>"


def _series(name: str, hint: Any, values: Sequence[Any]) -> Iterator[pl.Series]:
    """One column, or one for each name of the mappings."""
    if get_origin(hint) is dict:
        inner = get_args(hint)[1]
        for key in dict.fromkeys(key for value in values for key in value):
            yield from _series(f"{name}.{key}", inner, [value.get(key) for value in values])
    else:
        yield pl.Series(name, values, _dtype(hint), strict=False)


def _dtype(hint: Any) -> Any:
    """The column's type; None: inferred from its values."""
    if get_origin(hint) in {Union, UnionType}:
        [hint] = [each for each in get_args(hint) if each is not NoneType]
    if get_origin(hint) is list:
        return pl.List(_dtype(get_args(hint)[0]))
    return _DTYPES.get(hint)
