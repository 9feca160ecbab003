"""Answers to SQL queries, through SQLAlchemy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from shortlist.base.errors import DataError
from shortlist.base.optional import require
from shortlist.data.reading.inputs import FAULT, ROW, TOLERANT_BATCH_ROWS, Input, Prepare
from shortlist.system.table import SqlQuery


class Sql(Input):
    """The rows that a database gives for a query, streamed."""

    def __init__(self, query: SqlQuery, root: Path) -> None:
        self._alchemy: Any = require("sqlalchemy", extra="sql", why="reading a SqlQuery")
        self._query = query.query
        try:
            self._url = self._alchemy.make_url(query.url)
        except self._alchemy.exc.ArgumentError as error:
            raise DataError(
                f"{query.url!r} is no SQLAlchemy URL: write dialect://user:password@host/database"
            ) from error
        self.name = f"query at {self._url.render_as_string(hide_password=True)}"
        database = self._url.database
        if self._url.get_backend_name() == "sqlite" and database not in (None, "", ":memory:"):
            if not (root / database).is_file():  # SQLite would make an empty one
                raise DataError(f"{self.name}: there is no file {root / database}")
            self._url = self._url.set(database=str(root / database))

    def columns(self) -> list[str]:
        """The names that the query gives its columns. Raises DataError where it fails."""
        with self._answer() as answer:
            return list(answer.keys())

    def fast(self, columns: Sequence[str], prepare: Prepare) -> Iterator[pl.DataFrame]:
        """As everywhere."""
        first = 1
        with self._answer() as answer:
            places = [list(answer.keys()).index(column) for column in columns]
            for part in answer.partitions(TOLERANT_BATCH_ROWS):
                cells = list(zip(*part, strict=True))
                table = pl.DataFrame(
                    [_series(column, cells[place]) for column, place in zip(columns, places, strict=True)]
                )
                marks = [
                    pl.int_range(first, first + len(part), dtype=pl.Int64).alias(ROW),
                    pl.lit(None).alias(FAULT),
                ]
                first += len(part)
                yield prepare(table.lazy().with_columns(marks)).collect()

    @contextmanager
    def _answer(self) -> Iterator[Any]:
        try:
            engine = self._alchemy.create_engine(self._url)
            try:
                with engine.connect().execution_options(
                    stream_results=True, yield_per=TOLERANT_BATCH_ROWS
                ) as connection:
                    yield connection.execute(self._alchemy.text(self._query))
            finally:
                engine.dispose()
        except ModuleNotFoundError as error:
            raise DataError(f"{self.name} needs the database's driver: pip install {error.name}") from error
        except self._alchemy.exc.SQLAlchemyError as error:
            raise DataError(f"{self.name}: {str(error).splitlines()[0]}") from error


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """A column as the database types it; strings where it mixes types, as SQLite may."""
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    return None if value is None else str(value)
