"""The event store of one machine: a SQLite file in the home folder, shared by all processes on the host."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from shortlist.base.columns import AVAILABLE, EVENTS
from shortlist.base.contexts import from_text, to_text
from shortlist.storage.frames import EVENT_FRAME, exposure_frame
from shortlist.storage.grouped import GroupedStore
from shortlist.storage.ids import number
from shortlist.storage.schema import connect, prepare, transaction, translated
from shortlist.storage.store import AcceptedEvent, Exposure

T = TypeVar("T")

_BATCH = 100_000  # rows of one frame of a scan
_STATEMENT = 500  # rows of one statement
_TRIM = 10_000  # events that one transaction lets go of

_Prepared = list[tuple[int, AcceptedEvent]]  # each with the number of its id

_EVENTS = ", ".join(EVENTS)
_STAMPED = f"{_EVENTS}, {AVAILABLE}"
_EXPOSURES = ", ".join(Exposure._fields)


class SqliteStore(GroupedStore[_Prepared]):
    """An EventStore in the SQLite file at ``path``, made where it is absent.

    Write-ahead log, ``synchronous=FULL``, one writing thread per process with group commit, one reading
    connection per thread. Numbers go on above ``above``, for a file that replaces a lost one. Raises
    StoreError: disk full, no permission, damaged file, newer format.
    """

    def __init__(self, path: Path, *, above: int = 0) -> None:
        prepare(path)
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer = self._connect()
        if self.sequence() < above:
            with self._change() as db:
                db.execute("UPDATE counter SET sequence = MAX(sequence, ?)", (above,))
        super().__init__(apart=True)

    def recent(self, user: str, after: int) -> list[AcceptedEvent]:
        """See EventStore."""
        rows = self._read(
            f"SELECT {_EVENTS} FROM events WHERE user = ? AND sequence > ? ORDER BY at, sequence",
            (user, after),
        )
        return [AcceptedEvent(*row[:-1], from_text(row[-1]) or None) for row in rows]

    def scan(self, after: int = 0, upto: int | None = None) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        for rows in self._pages("events", _STAMPED, after, self.sequence() if upto is None else upto):
            yield pl.DataFrame(rows, schema=EVENT_FRAME, orient="row")

    def sequence(self) -> int:
        """See EventStore."""
        return self._number("SELECT sequence FROM counter")

    def trim(self, upto: int) -> None:
        """See EventStore."""
        while self._number("SELECT EXISTS (SELECT 1 FROM events WHERE sequence <= ?)", (upto,)):
            with self._change() as db:  # a part at a time, so that nobody waits long
                db.execute(
                    "DELETE FROM events WHERE sequence IN "
                    "(SELECT sequence FROM events WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
                    (upto, _TRIM),
                )

    def forget(self, user: str) -> None:
        """See EventStore."""
        with self._change() as db:
            db.execute("DELETE FROM events WHERE user = ?", (user,))
            db.execute("DELETE FROM exposures WHERE user = ?", (user,))
            db.execute("UPDATE counter SET sequence = sequence + 1")
            db.execute(
                "INSERT OR REPLACE INTO forgotten SELECT ?, sequence, ? FROM counter", (number(user), now())
            )

    def forgotten(self, user: str) -> int:
        """See EventStore."""
        return self._number("SELECT MAX(sequence) FROM forgotten WHERE user = ?", (number(user),))

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

    def exposures(self) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        newest = self._number("SELECT MAX(sequence) FROM exposures")
        for rows in self._pages("exposures", _EXPOSURES, 0, newest):
            yield exposure_frame([(*row[:-1], json.loads(row[-1])) for row in rows])

    def expire(self, before: int) -> None:
        """See EventStore."""
        with self._change() as db:
            db.execute("DELETE FROM exposures WHERE at < ?", (before,))

    def close(self) -> None:
        """See EventStore."""
        super().close()
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

    def _number(self, query: str, parameters: tuple[Any, ...] = ()) -> int:
        return int(self._read(query, parameters)[0][0] or 0)

    def _pages(self, table: str, columns: str, after: int, upto: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows in pages: no read transaction stays open between them, so the log can be checkpointed."""
        while rows := self._read(
            f"SELECT sequence, {columns} FROM {table} WHERE sequence > ? AND sequence <= ? "
            "ORDER BY sequence LIMIT ?",
            (after, upto, _BATCH),
        ):
            after = rows[-1][0]
            yield [row[1:] for row in rows]

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """A durable transaction of its own, apart from the groups of events."""
        with translated(self.path), closing(connect(self.path)) as db, transaction(db):
            yield db

    def _mark(self, item: str, *, deleted: bool) -> None:
        with self._change() as db:
            db.execute(
                "INSERT INTO deletions (item, deleted, change) "
                "VALUES (?, ?, (SELECT COALESCE(MAX(change), 0) + 1 FROM deletions)) "
                "ON CONFLICT (item) DO UPDATE SET deleted = excluded.deleted, change = excluded.change",
                (item, int(deleted)),
            )

    def _prepare(self, events: Sequence[AcceptedEvent]) -> _Prepared:
        return [(number(event.event_id), event) for event in events]

    def _write(self, batches: list[_Prepared], exposures: list[Exposure]) -> list[list[bool]]:
        with translated(self.path), transaction(self._writer):
            answers = _insert_events(self._writer, batches)
            _insert_exposures(self._writer, exposures)
        return answers


def now() -> int:
    """Microseconds since the epoch, by a clock that may step back."""
    return time.time_ns() // 1000


def _insert_events(db: sqlite3.Connection, batches: list[_Prepared]) -> list[list[bool]]:
    """Insert what is new; for each event of each batch: is it new?"""
    ids = [id_ for batch in batches for id_, _ in batch]
    seen = _known(db, "SELECT number FROM ids WHERE number", ids)
    fresh: dict[int, AcceptedEvent] = {}
    answers: list[list[bool]] = []
    for batch in batches:
        answers.append([])
        for id_, event in batch:
            answers[-1].append(id_ not in seen)
            if id_ not in seen:
                seen.add(id_)
                fresh[id_] = event
    if fresh:
        sequence, available = db.execute("SELECT sequence, available FROM counter").fetchone()
        ahead = max(available - sequence, now() - sequence - len(fresh))  # of the stamps to the numbers
        rows = [
            (place, *event[:-1], to_text(event.context), place + ahead)
            for place, event in enumerate(fresh.values(), sequence + 1)
        ]
        _insert(db, "ids", ("number",), [(id_,) for id_ in sorted(fresh)])
        _insert(db, "events", ("sequence", *EVENTS, AVAILABLE), rows)
        newest = sequence + len(rows)
        db.execute("UPDATE counter SET sequence = ?, available = ?", (newest, newest + ahead))
    return answers


def _insert_exposures(db: sqlite3.Connection, exposures: list[Exposure]) -> None:
    """All but those of users who were forgotten while their exposures waited."""
    users = {each.user: number(each.user) for each in exposures if each.user is not None}
    gone = _known(db, "SELECT user FROM forgotten WHERE user", list(users.values()))
    if gone:
        since = dict(db.execute("SELECT user, at FROM forgotten"))
        exposures = [
            each for each in exposures if each.user is None or each.at > since.get(users[each.user], -1)
        ]
    _insert(db, "exposures", Exposure._fields, [(*each[:-1], json.dumps(each.items)) for each in exposures])


# Many rows a statement: each statement gives up the interpreter lock, and a thread busy with an answer
# may keep it for milliseconds before the writer goes on.


def _known(db: sqlite3.Connection, query: str, numbers: list[int]) -> set[int]:
    """Which of ``numbers`` the query finds."""
    found: set[int] = set()
    for part in _parts(numbers):
        marks = ", ".join("?" * len(part))
        found.update(key for (key,) in db.execute(f"{query} IN ({marks})", part))
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
