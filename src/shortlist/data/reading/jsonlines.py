"""JSON Lines: one object per line."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Sequence

import polars as pl

from shortlist.base.errors import DataError
from shortlist.data.reading.inputs import ROW
from shortlist.data.reading.text import TextFile


class JsonLines(TextFile):
    """Lines that are JSON objects; numbers and strings may mix under one name."""

    def columns(self) -> list[str]:
        """Every name in the first objects."""
        names = dict.fromkeys(name for line in self.head for name in _object(line) or ())
        if not names:
            example = '{"user": 1, "item": 2}'
            raise DataError(f"{self.name} holds no JSON objects: write one per line, such as {example}")
        return list(names)

    def scan(self, columns: Sequence[str]) -> pl.LazyFrame:
        """As everywhere."""
        return pl.scan_ndjson(
            glob.escape(str(self.path)),
            schema=dict.fromkeys(columns, pl.String),
            row_index_name=ROW,
            row_index_offset=1,
        )

    def read(self, columns: Sequence[str]) -> Iterator[tuple[Sequence[str | None], str | None]]:
        """As everywhere."""
        for line in self.lines():
            if line.strip():
                row = _object(line)
                fault = None if row is not None else "malformed line: no JSON object"
                yield [_cell((row or {}).get(column)) for column in columns], fault


def _object(line: str) -> dict[str, object] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _cell(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False)
