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

    def __init__(self, home: Home, table: str, file: str, aside: Path) -> None:
        self._place = home.quarantine / f"{quote(table, safe=' ')}.parquet"
        self._file = file
        self._aside = aside
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._aside.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._aside, ignore_errors=True)

    def add(self, rows: pl.DataFrame) -> None:
        """Add ``rows`` (columns file, row, reason, and the cells as text) and count their reasons."""
        if len(rows):
            self.reasons.update(dict(rows["reason"].value_counts().iter_rows()))
            rows.write_parquet(self._aside / f"{len(list(self._aside.iterdir())):08}.parquet")

    def commit(self) -> None:
        """Replace the rows of this file in the table's quarantine; those of other files stay."""
        rows = [pl.scan_parquet(part, glob=False) for part in sorted(self._aside.iterdir())]
        if self._place.exists():
            rows.insert(0, pl.scan_parquet(self._place, glob=False).filter(pl.col("file") != self._file))
        if not rows:
            return
        self._place.parent.mkdir(exist_ok=True)
        fresh = self._aside / "all"
        pl.concat(rows, how="diagonal").sink_parquet(fresh, maintain_order=True)
        sync(fresh)
        os.replace(fresh, self._place)
        sync(self._place.parent)
