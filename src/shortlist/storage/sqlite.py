"""The event store of one machine: a SQLite file in the home folder, shared by all processes on the host."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from shortlist.base.columns import AT, EVENT, EVENT_ID, EVENTS, ITEM, USER, VALUE
from shortlist.storage.group import GroupCommit
from shortlist.storage.schema import connect, prepare, transaction, translated
from shortlist.storage.store import AcceptedEvent, Exposure

T = TypeVar("T")

_FLUSH = 0.2  # seconds after which exposures are written even where no event comes
_PENDING = 10_000  # exposures kept in memory at most: about 30 s of a busy worker's answers
_BATCH = 100_000  # rows of one frame of a scan
_STATEMENT = 500  # rows of one statement

_EVENT_FRAME = pl.Schema(
    {
        EVENT_ID: pl.String(),
        EVENT: pl.String(),
        USER: pl.String(),
        ITEM: pl.String(),
        AT: pl.Int64(),
        VALUE: pl.Float32(),
    }
)
_EXPOSURE_FRAME = pl.Schema(
    {
        "request": pl.String(),
        "release": pl.Int64(),
        "kind": pl.String(),
        USER: pl.String(),
        AT: pl.Int64(),
        ITEM: pl.List(pl.String()),
    }
)
_EVENTS = ", ".join(EVENTS)
_EXPOSURES = ", ".join(Exposure._fields)


class SqliteStore:
    """An EventStore in the SQLite file at ``path``, made where it is absent.

    Write-ahead log, ``synchronous=FULL``, one writing thread per process with group commit, one reading
    connection per thread. Raises StoreError: disk full, no permission, damaged file, newer format.
    """

    def __init__(self, path: Path) -> None:
        prepare(path)
        self.path = path
        self.exposures_dropped = 0
        self._pending: deque[Exposure] = deque()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._group: GroupCommit[Sequence[AcceptedEvent], list[bool]] = GroupCommit(self._write, idle=_FLUSH)

    def submit(self, events: Sequence[AcceptedEvent]) -> Future[list[bool]]:
        """See EventStore."""
        return self._group.submit(events)

    def accept(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """See EventStore."""
        return self.submit(events).result()

    def recent(self, user: str, after: int) -> list[AcceptedEvent]:
        """See EventStore."""
        rows = self._read(
            f"SELECT {_EVENTS} FROM events WHERE user = ? AND sequence > ? ORDER BY at, sequence",
            (user, after),
        )
        return [AcceptedEvent._make(row) for row in rows]

    def scan(self, after: int = 0, upto: int | None = None) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        for rows in self._pages("events", _EVENTS, after, self.sequence() if upto is None else upto):
            yield pl.DataFrame(rows, schema=_EVENT_FRAME, orient="row")

    def sequence(self) -> int:
        """See EventStore."""
        return self._number("SELECT MAX(sequence) FROM events")

    def delete_item(self, item: str) -> None:
        """See EventStore."""
        self._mark(item, deleted=True)

    def restore_item(self, item: str) -> None:
        """See EventStore."""
        self._mark(item, deleted=False)

    def deleted(self) -> set[str]:
        """See EventStore."""
        return {item for (item,) in self._read("SELECT item FROM deletions WHERE deleted = 1")}

    def deletions(self) -> int:
        """See EventStore."""
        return self._number("SELECT MAX(change) FROM deletions")

    def expose(self, exposure: Exposure) -> None:
        """See EventStore."""
        if len(self._pending) < _PENDING:
            self._pending.append(exposure)
        else:
            self.exposures_dropped += 1

    def exposures(self) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        newest = self._number("SELECT MAX(sequence) FROM exposures")
        for rows in self._pages("exposures", _EXPOSURES, 0, newest):
            shown = [(*row[:-1], json.loads(row[-1])) for row in rows]
            frame = pl.DataFrame(shown, schema=_EXPOSURE_FRAME, orient="row")
            place = pl.int_ranges(1, pl.col(ITEM).list.len() + 1).alias("place")
            yield frame.with_columns(place).explode(ITEM, "place")

    def close(self) -> None:
        """See EventStore."""
        self._group.close()
        for db in self._connections:
            db.close()

    def _connect(self) -> sqlite3.Connection:
        with translated(self.path):
            db = connect(self.path)
        self._connections.append(db)
        return db

    def _read(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        db = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._connect()
        with translated(self.path):
            return list(db.execute(query, parameters))

    def _number(self, query: str) -> int:
        return int(self._read(query)[0][0] or 0)

    def _pages(self, table: str, columns: str, after: int, upto: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows in pages: no read transaction stays open between them, so the log can be checkpointed."""
        while rows := self._read(
            f"SELECT sequence, {columns} FROM {table} WHERE sequence > ? AND sequence <= ? "
            "ORDER BY sequence LIMIT ?",
            (after, upto, _BATCH),
        ):
            after = rows[-1][0]
            yield [row[1:] for row in rows]

    def _mark(self, item: str, *, deleted: bool) -> None:
        db = self._connect()
        try:
            with translated(self.path), transaction(db):
                db.execute(
                    "INSERT INTO deletions (item, deleted, change) "
                    "VALUES (?, ?, (SELECT COALESCE(MAX(change), 0) + 1 FROM deletions)) "
                    "ON CONFLICT (item) DO UPDATE SET deleted = excluded.deleted, change = excluded.change",
                    (item, int(deleted)),
                )
        finally:
            self._connections.remove(db)
            db.close()

    def _write(self, batches: list[Sequence[AcceptedEvent]]) -> list[list[bool]]:
        """One transaction with the events of all ``batches`` and the exposures that wait."""
        exposures = [self._pending.popleft() for _ in range(len(self._pending))]
        if not batches and not exposures:
            return []
        try:
            with translated(self.path), transaction(self._writer):
                answers = _insert_events(self._writer, batches)
                rows = [(*exposure[:-1], json.dumps(exposure.items)) for exposure in exposures]
                _insert(self._writer, "exposures", Exposure._fields, rows)
        except BaseException:
            self.exposures_dropped += len(exposures)
            raise
        return answers


def _insert_events(db: sqlite3.Connection, batches: list[Sequence[AcceptedEvent]]) -> list[list[bool]]:
    """Insert what is new; for each event of each batch: is it new?"""
    seen = _known(db, [event.event_id for batch in batches for event in batch])
    fresh: list[AcceptedEvent] = []
    answers: list[list[bool]] = []
    for batch in batches:
        answers.append([])
        for event in batch:
            answers[-1].append(event.event_id not in seen)
            if event.event_id not in seen:
                seen.add(event.event_id)
                fresh.append(event)
    _insert(db, "events", EVENTS, fresh)
    return answers


# Many rows a statement: each statement gives up the interpreter lock, and a thread busy with an answer
# may keep it for milliseconds before the writer goes on.


def _known(db: sqlite3.Connection, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for part in _parts(ids):
        marks = ", ".join("?" * len(part))
        found.update(
            key for (key,) in db.execute(f"SELECT event_id FROM events WHERE event_id IN ({marks})", part)
        )
    return found


def _insert(
    db: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    row = f"({', '.join('?' * len(columns))})"
    for part in _parts(rows):
        marks = ", ".join([row] * len(part))
        values = [value for row in part for value in row]
        db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks}", values)


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), _STATEMENT):
        yield rows[start : start + _STATEMENT]
