"""Parquet files and DataFrames: tables that know their types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from shortlist.base.errors import DataError
from shortlist.data.reading.inputs import ROW, Input, Prepare, stream


class Frame(Input):
    """A DataFrame, or a Parquet file."""

    def __init__(self, rows: pl.DataFrame | Path, name: str) -> None:
        self.path = rows if isinstance(rows, Path) else None
        self.name = name
        self._rows = pl.scan_parquet(rows, glob=False) if isinstance(rows, Path) else rows.lazy()

    def columns(self) -> list[str]:
        """Its columns. Raises DataError where the file is no Parquet."""
        if self.path and not self.path.stat().st_size:
            raise DataError(f"{self.name} is empty: write a table there, or take it out of the System file")
        try:
            return self._rows.collect_schema().names()
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error

    def fast(self, columns: Sequence[str], prepare: Prepare) -> Iterator[pl.DataFrame]:
        """As everywhere."""
        try:
            yield from stream(self._rows.select(columns).with_row_index(ROW, offset=1), prepare)
        except pl.exceptions.ComputeError as error:
            raise self._unreadable(error) from error

    def rows(self) -> int | None:
        """The exact count, from the file's metadata."""
        return int(self._rows.select(pl.len()).collect().item())

    def _unreadable(self, error: Exception) -> DataError:
        reason = str(error).splitlines()[0]
        return DataError(
            f"{self.name} cannot be read as Parquet ({reason}): write it again, or correct the table's name"
        )
