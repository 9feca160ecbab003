"""The event log on disk: ``events/day=2026-01-31/00000012.parquet``, one part for each day of each batch.

Parts are numbered in the order in which they were written, and rows keep their order inside, so that the
log has one order for ever. Parts are written to a staging folder and moved in when all of them are on disk.

Parts that come from the store carry the sequence up to which it was copied: ``00000012-4711.parquet``. They
become visible with ``events/compacted.json``, all at one instant.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, DAY
from shortlist.base.files import sync
from shortlist.base.platform import fcntl
from shortlist.storage.disk_errors import disk_errors
from shortlist.storage.frames import EVENT_FRAME
from shortlist.storage.home import Home


def parts(home: Home, days: Iterable[int] | None = None, upto: int | None = None) -> list[Path]:
    """The log's files in order; of the given ``days`` since 1970 only, where they are given.

    ``upto``: as ``home.compacted()`` was before; None: as it is now.
    """
    upto = home.compacted() if upto is None else upto
    folders = (
        sorted(home.events.glob("day=*"))
        if days is None
        else [home.events / _folder(day) for day in sorted(days)]
    )
    files = [part for folder in folders for part in sorted(folder.glob("*.parquet"))]
    return [part for part in files if _from_store_upto(part) <= upto]


def scan(home: Home, days: Iterable[int] | None = None, upto: int | None = None) -> pl.LazyFrame:
    """The log, oldest day first, each day in the order in which it was written.

    ``days`` and ``upto`` as for ``parts``. Events without AVAILABLE_AT were available as they happened.
    """
    files = parts(home, days, upto)
    if not files:
        return pl.LazyFrame(schema=EVENT_FRAME)
    events = pl.scan_parquet(
        files, schema=EVENT_FRAME, glob=False, hive_partitioning=False, missing_columns="insert"
    )
    return events.with_columns(pl.col(AVAILABLE_AT).fill_null(pl.col(AT)))


def remove_unmarked(home: Home) -> None:
    """Remove the invisible parts that a crashed compaction left."""
    mark = home.compacted()
    for part in home.events.glob("day=*/*.parquet"):
        if _from_store_upto(part) > mark:
            part.unlink()


@contextmanager
def only_writer(home: Home) -> Iterator[Path]:
    """Hold the lock of the log's writers; the path of a folder for unfinished files, not made yet.

    Raises StoreError where the disk refuses.
    """
    with disk_errors(f"the log in {home.events}"), (home.path / "ingest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        staging = home.path / ".compact"
        shutil.rmtree(staging, ignore_errors=True)
        yield staging


def _from_store_upto(part: Path) -> int:
    return int(part.stem.partition("-")[2] or 0)


class Writer:
    """Adds events to the log: all that is written between ``with`` and ``commit``, or nothing.

    A crash inside ``commit`` can leave some of the days; the next reading of the same rows recognises them.
    ``upto``: the rows come from the store, up to this sequence, and are visible after ``home.mark_compacted``.
    """

    def __init__(self, home: Home, staging: Path, upto: int | None = None) -> None:
        self._home = home
        self._staging = staging
        self._suffix = "" if upto is None else f"-{upto}"
        numbers = (int(part.stem.partition("-")[0]) for part in home.events.glob("day=*/*.parquet"))
        self._number = max(numbers, default=0)
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._pending: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._staging.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        shutil.rmtree(self._staging, ignore_errors=True)

    def write(self, events: pl.DataFrame) -> None:
        """Write ``events`` (columns EVENTS, CONTEXT and AVAILABLE_AT if there are any) to staging, in the background.

        The next call waits for it.
        """
        self._number += 1
        columns = [pl.col(name).cast(kind) for name, kind in EVENT_FRAME.items() if name in events.columns]
        by_day = list(_by_day(events.select(columns)))
        self._wait()
        self._pending = [self._pool.submit(self._write_day, day, rows, self._number) for day, rows in by_day]

    def commit(self) -> None:
        """Move everything into the log."""
        self._wait()
        for folder in sorted(self._staging.iterdir()):
            day_folder = self._home.events / folder.name
            day_folder.mkdir(parents=True, exist_ok=True)
            for part in sorted(folder.iterdir()):
                part.rename(day_folder / part.name)
            sync(day_folder)
        if self._home.events.exists():
            sync(self._home.events)

    def _wait(self) -> None:
        for future in self._pending:
            future.result()

    def _write_day(self, day: int, rows: pl.DataFrame, number: int) -> None:
        folder = self._staging / _folder(day)
        folder.mkdir(exist_ok=True)
        write_part(rows, folder / f"{number:08}{self._suffix}.parquet")


def write_part(rows: pl.DataFrame, path: Path) -> None:
    """Write ``rows`` to ``path``, durably."""
    # Measured: lz4 takes 1.5 times, zstd 2.5 times as long to write, for 3/4 and 2/5 of the size.
    rows.write_parquet(path, compression="uncompressed", statistics=False)
    sync(path)


def _folder(day: int) -> str:
    return f"day={date(1970, 1, 1) + timedelta(days=day)}"


def _by_day(events: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """The events of each day, in their order; nothing is copied where they are in order of days already."""
    day = (events[AT] // DAY).cast(pl.Int32).alias("day")
    if not day.is_sorted():
        events = events.with_columns(day).sort("day", maintain_order=True)
        day = events.drop_in_place("day")
    start = 0
    for length, value in day.rle().struct.unnest().iter_rows():
        yield value, events.slice(start, length)
        start += length
