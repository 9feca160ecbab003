"""Inputs: every kind of table, read in batches of bounded memory.

A table is one input, or one per file of a directory. Rows come in two ways: *fast*, through the native
readers, which stop at the first malformed line; and *tolerant*, line by line, which marks such rows instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from shortlist.base.errors import DataError
from shortlist.base.suggest import did_you_mean

ROW = "#row"  # int64, from 1, the first row of data
FAULT = "#fault"  # str, why the tolerant reader could not split the row into cells; null where it could
FAST_BATCH_ROWS = 1_000_000  # about 0.3 GB with everything derived from them
TOLERANT_BATCH_ROWS = 200_000  # Python builds these cell by cell

Prepare = Callable[[pl.LazyFrame], pl.LazyFrame]


class MalformedError(DataError):
    """The fast reader met a line it cannot read; a tolerant reading can."""


class Input(ABC):
    """Rows under named columns: a file, a DataFrame, the answer to a query."""

    name: str  # in messages, the ledger and the quarantine
    path: Path | None = None  # None: not a file

    @abstractmethod
    def columns(self) -> list[str]:
        """Names of its columns. Raises DataError where there is nothing to read."""

    @abstractmethod
    def fast(self, columns: Sequence[str], prepare: Prepare) -> Iterator[pl.DataFrame]:
        """The given columns with ROW and FAULT, in order, each batch sent through ``prepare``.

        Raises MalformedError where only a tolerant reading can go on; DataError where none can.
        """

    def tolerant(self, columns: Sequence[str], prepare: Prepare) -> Iterator[pl.DataFrame]:
        """As ``fast``, but FAULT has what is wrong with malformed rows; the same where there can be none."""
        return self.fast(columns, prepare)

    def rows(self) -> int | None:
        """About how many rows it has, to show progress; None where that is unknown."""
        return None

    def stamp(self) -> int | None:
        """Time of the last modification, nanoseconds; None where it is not a file."""
        return self.path.stat().st_mtime_ns if self.path else None

    def missing(self, columns: Iterable[str]) -> list[str]:
        """One message for each of ``columns`` that the input does not have."""
        columns_here = self.columns()
        return [
            f"{self.name}: no column {column!r}: {did_you_mean(column, columns_here)}"
            for column in dict.fromkeys(columns)
            if column not in columns_here
        ]


def stream(rows: pl.LazyFrame, prepare: Prepare, every_cell: bool = False) -> Iterator[pl.DataFrame]:
    """Batches of ``rows``, which carry ROW already, through ``prepare``, computed on all cores as they are consumed.

    ``every_cell`` reads the columns too that are not used: only then are lines with too many cells noticed.
    """
    marked = rows.with_columns(pl.col(ROW).cast(pl.Int64), pl.lit(None).alias(FAULT))
    how = pl.QueryOptFlags(projection_pushdown=not every_cell)
    return iter(
        prepare(marked).collect_batches(chunk_size=FAST_BATCH_ROWS, maintain_order=True, optimizations=how)
    )


def tolerant_batches(
    rows: Iterable[tuple[Sequence[str | None], str | None]], columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Batches from single rows: their cells in the order of ``columns``, and what is wrong with them."""
    first, cells, faults = 1, [], []
    for row, fault in rows:
        cells.append(row)
        faults.append(fault)
        if len(cells) == TOLERANT_BATCH_ROWS:
            yield _marked(cells, faults, columns, first)
            first, cells, faults = first + len(cells), [], []
    if cells:
        yield _marked(cells, faults, columns, first)


def _marked(
    cells: list[Sequence[str | None]], faults: list[str | None], columns: Sequence[str], first: int
) -> pl.DataFrame:
    table = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String), orient="row")
    lossy = pl.any_horizontal(pl.col(column).str.contains("\ufffd", literal=True) for column in columns)
    return table.with_columns(
        pl.int_range(first, first + len(cells), dtype=pl.Int64).alias(ROW),
        pl.coalesce(pl.Series(faults, dtype=pl.String), pl.when(lossy).then(pl.lit("not UTF-8"))).alias(
            FAULT
        ),
    )
