"""Where rows come from. Declarations only: ``shortlist.data`` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl


@dataclass(frozen=True, eq=False)
class Table:
    """A file (CSV, TSV, Parquet, JSON Lines), a directory of such files, or a DataFrame.

    A relative path is read from the folder of the System file. The format follows the ending
    (``.csv``, ``.tsv``, ``.parquet``, ``.jsonl``, ``.ndjson``; ``.gz`` after a text format is fine).
    """

    source: str | Path | pl.DataFrame
    separator: str | None = None  # of CSV; None: found out from the header

    def __repr__(self) -> str:
        shown = "DataFrame" if isinstance(self.source, pl.DataFrame) else repr(str(self.source))
        return f"Table({shown})"


@dataclass(frozen=True)
class Sample:
    """A ``file`` of a public data set (``movielens-100k``, ``movielens-small``), fetched when first read."""

    dataset: str
    file: str


@dataclass(frozen=True)
class SqlQuery:
    """Rows of a SQL ``query`` at a SQLAlchemy ``url`` (``postgresql://…``, ``sqlite:///shop.db``)."""

    url: str
    query: str


TableSource = Table | Sample | SqlQuery  # whatever rows can come from
