"""The album: each picture of a home once, a small canonical JPEG in a folder and its facts in a table.

::

    pictures/ab/ab3f….jpg     upright RGB, shorter side at most 320, named by the SHA-256 of the bytes as they came
    pictures/album.db         SQLite: facts of each picture, and what each source (a path, a URL) held when read

A row of the table is written after its file is on disk, so every row has its file, through any crash. Any
number of processes may add at the same time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock

import numpy as np
import polars as pl

from shortlist.base.errors import NotFoundError
from shortlist.base.files import sync, write_bytes
from shortlist.base.types import Picture
from shortlist.vision.images.decode import decode, encode, pixels
from shortlist.vision.images.duplicates import content_hash, perceptual_hash
from shortlist.vision.images.header import read_header

Bytes = bytes  # an album has a method of that name
MAX_SHORT_SIDE = 320  # pixels of the shorter side, at most
MAX_ASPECT = 4  # the longer side is at most this many times MAX_SHORT_SIDE

_TABLES = """
CREATE TABLE IF NOT EXISTS pictures (
    hash BLOB PRIMARY KEY, width INTEGER, height INTEGER, perceptual_hash INTEGER, bytes INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, stamp TEXT, hash BLOB, reason TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class PictureFacts:
    """Facts of a picture."""

    hash: str  # of the bytes as they came, SHA-256 in hexadecimal
    width: int  # upright, as it came
    height: int
    perceptual_hash: int  # 64 bits that near duplicates share, nearly
    bytes: int  # as it came


@dataclass(frozen=True)
class SourceRecord:
    """What a source held when it was read: a picture, or the reason why it is none."""

    source: str
    stamp: str  # changes when the source does
    hash: str | None
    reason: str | None


class Album:
    """The pictures in ``folder``, which is made where it is absent. Threads may share one; processes open their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = Lock()
        self._table = sqlite3.connect(
            folder / "album.db", timeout=60, isolation_level=None, check_same_thread=False
        )
        self._table.execute("PRAGMA journal_mode = WAL")
        self._table.execute("PRAGMA synchronous = FULL")
        self._table.executescript(_TABLES)

    def close(self) -> None:
        """Close the table."""
        self._table.close()

    def __contains__(self, hash: str) -> bool:
        query = "SELECT 1 FROM pictures WHERE hash = ?"
        with self._lock:
            return self._table.execute(query, [_digest(hash)]).fetchone() is not None

    def __len__(self) -> int:
        with self._lock:
            return int(self._table.execute("SELECT count(*) FROM pictures").fetchone()[0])

    def add(self, data: Bytes) -> str:
        """Keep a picture; its hash. It is on disk when this returns. Raises PictureError."""
        hash = content_hash(data)
        if hash not in self:
            self.record([self.write(data)])
        return hash

    def read(self, hash: str) -> Picture:
        """The canonical picture, uint8[height, width, 3]. Raises NotFoundError."""
        return decode(self.bytes(hash))

    def bytes(self, hash: str) -> Bytes:
        """The canonical picture as JPEG. Raises NotFoundError."""
        try:
            return self._file(hash).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"no picture {hash} in {self._folder}") from None

    def facts(self) -> pl.DataFrame:
        """One row per picture, by hash: hash, width, height, perceptual_hash (uint64), bytes; see `PictureFacts`."""
        with self._lock:
            rows = self._table.execute("SELECT * FROM pictures ORDER BY hash").fetchall()
        kinds = [pl.Binary, *[pl.Int64] * 4]  # SQLite has no unsigned numbers
        names = [each.name for each in fields(PictureFacts)]
        table = pl.DataFrame(rows, schema=list(zip(names, kinds, strict=True)), orient="row")
        return table.with_columns(
            pl.col("hash").bin.encode("hex"),
            pl.Series("perceptual_hash", table["perceptual_hash"].to_numpy().view(np.uint64)),
        )

    def write(self, data: Bytes) -> PictureFacts:
        """Put the file of a picture on disk, for a later ``record``. Raises PictureError."""
        header = read_header(data)
        width, height = header.upright
        side = min(
            MAX_SHORT_SIDE, max(1, MAX_SHORT_SIDE * MAX_ASPECT * min(width, height) // max(width, height))
        )
        picture = pixels(header, side)
        facts = PictureFacts(content_hash(data), width, height, perceptual_hash(picture), len(data))
        file = self._file(facts.hash)
        if not file.parent.exists():
            file.parent.mkdir(exist_ok=True)
            sync(self._folder)
        write_bytes(file, encode(picture))
        return facts

    def record(self, pictures: Iterable[PictureFacts], sources: Iterable[SourceRecord] = ()) -> None:
        """Enter pictures whose files are written, and what sources held, durably and all at one instant."""
        facts = [
            (_digest(each.hash), each.width, each.height, _signed(each.perceptual_hash), each.bytes)
            for each in pictures
        ]
        rows = [(each.source, each.stamp, each.hash and _digest(each.hash), each.reason) for each in sources]
        with self._lock, self._table:
            self._table.execute("BEGIN IMMEDIATE")
            self._table.executemany("INSERT OR IGNORE INTO pictures VALUES (?, ?, ?, ?, ?)", facts)
            self._table.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)", rows)

    def source_records(self, sources: Sequence[str]) -> dict[str, SourceRecord]:
        """The records of those of at most some thousands of ``sources`` that were read before."""
        query = f"SELECT * FROM sources WHERE source IN ({', '.join('?' * len(sources))})"
        with self._lock:
            rows = self._table.execute(query, sources).fetchall()
        return {row[0]: SourceRecord(row[0], row[1], row[2] and row[2].hex(), row[3]) for row in rows}

    def _file(self, hash: str) -> Path:
        return self._folder / hash[:2] / f"{hash}.jpg"


def _digest(hash: str) -> Bytes:
    return Bytes.fromhex(hash)


def _signed(perceptual_hash: int) -> int:
    return perceptual_hash - (1 << 64) if perceptual_hash >> 63 else perceptual_hash
