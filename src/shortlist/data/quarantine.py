"""The quarantine: one Parquet file per table of rejected rows, with file, row, reason and the cells as read."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Self
from urllib.parse import quote

import polars as pl

from shortlist.base.files import sync
from shortlist.storage.home import Home

# Names of the tables that are not an event's, in reports, the ledger and the quarantine.
CATALOGUE, USERS, PICTURES = "catalogue", "users", "pictures"
RESERVED_NAMES = (CATALOGUE, USERS, PICTURES)


class Quarantine:
    """The rows that one reading of ``file`` rejects; ``commit`` replaces those of earlier readings of it."""

    def __init__(self, home: Home, table: str, file: str, staging: Path) -> None:
        self._path = home.quarantine / f"{quote(table, safe=' ')}.parquet"
        self._file = file
        self._staging = staging
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._staging.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)

    def add(self, rows: pl.DataFrame) -> None:
        """Add ``rows`` (columns file, row, reason, and the cells as text) and count their reasons."""
        if len(rows):
            self.reasons.update(dict(rows["reason"].value_counts().iter_rows()))
            rows.write_parquet(self._staging / f"{len(list(self._staging.iterdir())):08}.parquet")

    def commit(self) -> None:
        """Replace the rows of this file in the table's quarantine; those of other files stay."""
        rows = [pl.scan_parquet(part, glob=False) for part in sorted(self._staging.iterdir())]
        if self._path.exists():
            rows.insert(0, pl.scan_parquet(self._path, glob=False).filter(pl.col("file") != self._file))
        if not rows:
            return
        self._path.parent.mkdir(exist_ok=True)
        fresh = self._staging / "all"
        pl.concat(rows, how="diagonal").sink_parquet(fresh, maintain_order=True)
        sync(fresh)
        os.replace(fresh, self._path)
        sync(self._path.parent)
