"""Answers as tables: what notebooks and scripts show and go on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import polars as pl
from msgspec import Struct, structs


class Tabular(Struct):
    """Base of answers that are lists of entries under a heading: ``to_polars()``, and HTML in notebooks."""

    def _entries(self) -> Sequence[Struct]:
        """The rows of the table."""
        raise NotImplementedError

    def _heading(self) -> str:
        """A line above it."""
        return ""

    def to_polars(self) -> pl.DataFrame:
        """One row per entry; mappings such as probabilities become a column for each name."""
        rows = [_flat(structs.asdict(entry)) for entry in self._entries()]
        return pl.DataFrame(rows, infer_schema_length=None)

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        return html_table(self.to_polars(), self._heading())


def html_table(table: pl.DataFrame, heading: str = "") -> str:
    """A plain HTML table that inherits the page's style; numbers to three digits, all text escaped."""
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in table.columns)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:{_side(v)}'>{escape(_cell(v))}</td>" for v in row) + "</tr>"
        for row in table.iter_rows()
    )
    caption = f"<p>{escape(heading)}</p>" if heading else ""
    return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as columns ``field.name``."""
    row: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            row |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            row[name] = value
    return row


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _side(value: Any) -> str:
    return "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
