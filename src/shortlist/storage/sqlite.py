"""The event store of one machine: a SQLite file in the home folder, shared by all processes on the host."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import polars as pl

from shortlist.storage.bulk_sql import STATEMENT_ROWS, insert, parts, select_known
from shortlist.storage.event_ids import AcceptedIds
from shortlist.storage.frames import exposure_frame
from shortlist.storage.group_commit_store import GroupCommitStore
from shortlist.storage.hashing import hash64
from shortlist.storage.runs import Run, by_user, encode, events_after, frame
from shortlist.storage.sqlite_schema import connect, prepare, transaction, translated
from shortlist.storage.store import AcceptedEvent, AddedItem, Exposure, StoreState

_BATCH = 100_000  # rows of one frame of a scan, about
_TRIM = 10_000  # runs that one transaction deletes

_Prepared = list[tuple[int, AcceptedEvent]]  # each with the hash of its id

_RUN = ", ".join(Run._fields)
_EXPOSURES = ", ".join(Exposure._fields)
_IN_ORDER = " ORDER BY sequence"
_AT = attrgetter("at")


class SqliteStore(GroupCommitStore[_Prepared]):
    """An EventStore in the SQLite file at ``path``, made where it is absent.

    Write-ahead log, ``synchronous=FULL``, one writing thread per process with group commit, one reading
    connection per thread. Sequences start above ``above``, for a file that replaces a lost one. Raises
    StoreError: disk full, no permission, damaged file, newer format.
    """

    def __init__(self, path: Path, *, above: int = 0) -> None:
        prepare(path)
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._ids = AcceptedIds()
        if self.sequence() < above:
            with self._change() as db:
                db.execute("UPDATE counter SET sequence = MAX(sequence, ?)", (above,))
        super().__init__(apart=True)

    def read_state(self, users: Sequence[str], after: int) -> StoreState:
        """See EventStore. One statement for up to 500 users; several run in one read transaction."""
        hashes = {user: hash64(user) for user in users}
        events: dict[str, list[AcceptedEvent]] = {user: [] for user in users}
        forgotten: dict[int, int] = {}
        deletions = 0
        for kind, key, sequence, run in self._state_rows(hashes, after):
            if kind == _RUN_ROW:
                events[key] += events_after(after, sequence, run)
            elif kind == _FORGOTTEN_ROW:
                forgotten[key] = sequence
            else:
                deletions = sequence or 0
        return StoreState(
            [sorted(events[user], key=_AT) for user in users],
            [forgotten.get(hashes[user], 0) for user in users],
            deletions,
        )

    def scan(self, after: int = 0, upto: int | None = None) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        upto, done = self.sequence() if upto is None else upto, after
        while done < upto:  # in pages: between them no transaction keeps the log from being checkpointed
            first = self._number("SELECT MIN(sequence) FROM events WHERE sequence > ?", (done,))
            if not first:
                return
            done = first + _BATCH - 1
            runs = self._read(
                f"SELECT {_RUN} FROM events WHERE sequence BETWEEN ? AND ?{_IN_ORDER}", (first, done)
            )
            events = frame(map(Run._make, runs), after, upto)
            if len(events):
                yield events

    def sequence(self) -> int:
        """See EventStore."""
        return self._number("SELECT sequence FROM counter")

    def trim(self, upto: int) -> None:
        """See EventStore. A run stays as long as any of its events is above ``upto``."""
        while self._number("SELECT EXISTS (SELECT 1 FROM events WHERE sequence <= ?)", (upto,)):
            with self._change() as db:  # in parts, so that no writer waits long
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
                "INSERT OR REPLACE INTO forgotten SELECT ?, sequence, ? FROM counter", (hash64(user), now())
            )

    def add_item(self, item: str, attributes: str) -> int:
        """See EventStore."""
        with self._change() as db:
            made = db.execute("INSERT INTO arrivals (item, attributes) VALUES (?, ?)", (item, attributes))
            return int(made.lastrowid or 0)

    def added_items(self, after: int = 0) -> list[AddedItem]:
        """See EventStore."""
        query = f"SELECT {', '.join(AddedItem._fields)} FROM arrivals WHERE number > ? ORDER BY number"
        return [AddedItem(*row) for row in self._read(query, (after,))]

    def delete_item(self, item: str) -> None:
        """See EventStore."""
        self._mark(item, deleted=True)

    def restore_item(self, item: str) -> None:
        """See EventStore."""
        self._mark(item, deleted=False)

    def deleted_items(self) -> set[str]:
        """See EventStore."""
        return {item for (item,) in self._read("SELECT item FROM deletions WHERE deleted = 1")}

    def exposures(self) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        after = 0
        while rows := self._read(
            f"SELECT sequence, {_EXPOSURES} FROM exposures WHERE sequence > ?{_IN_ORDER} LIMIT ?",
            (after, _BATCH),
        ):
            after = rows[-1][0]
            yield exposure_frame([(*row[1:-1], json.loads(row[-1])) for row in rows])

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

    def _reader(self) -> sqlite3.Connection:
        """The connection of the calling thread."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._connect()
        return db

    def _read(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        db = self._reader()
        with translated(self.path):
            return list(db.execute(query, parameters))

    def _state_rows(self, hashes: dict[str, int], after: int) -> list[tuple[Any, ...]]:
        """Rows of ``_state_query``, the runs of each user in order of sequence, all of one moment."""
        if len(hashes) <= STATEMENT_ROWS:
            return self._read(_state_query(len(hashes)), (*hashes.values(), *hashes, after))
        db = self._reader()
        with translated(self.path):
            db.execute("BEGIN")
            try:
                rows: list[tuple[Any, ...]] = []
                for page in parts(list(hashes.items())):
                    users, of_users = zip(*page, strict=True)
                    rows += db.execute(_state_query(len(page)), (*of_users, *users, after))
                return rows
            finally:
                db.execute("ROLLBACK")

    def _number(self, query: str, parameters: tuple[Any, ...] = ()) -> int:
        return int(self._read(query, parameters)[0][0] or 0)

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
        return [(hash64(event.event_id), event) for event in events]

    def _write(self, batches: list[_Prepared], exposures: list[Exposure]) -> list[list[bool]]:
        try:
            with translated(self.path), transaction(self._writer):
                answers = _insert_events(self._writer, self._ids, batches)
                _insert_exposures(self._writer, exposures)
        except BaseException:
            self._ids = AcceptedIds()
            raise
        return answers


_DELETIONS_ROW, _FORGOTTEN_ROW, _RUN_ROW = range(3)


@cache
def _state_query(users: int) -> str:
    """The count of deletions, and what is kept of ``users`` users: rows (kind, key, sequence, events).

    Parameters: the users' hashes, the users, and the sequence above which events are wanted.
    """
    marks = ", ".join("?" * users)
    return (
        f"SELECT {_DELETIONS_ROW}, NULL, MAX(change), NULL FROM deletions"
        f" UNION ALL SELECT {_FORGOTTEN_ROW}, user, sequence, NULL FROM forgotten WHERE user IN ({marks})"
        f" UNION ALL SELECT {_RUN_ROW}, user, sequence, events FROM events WHERE user IN ({marks}) AND sequence > ?"
    )


def now() -> int:
    """Microseconds since the epoch, by a clock that may step back."""
    return time.time_ns() // 1000


def _insert_events(db: sqlite3.Connection, ids: AcceptedIds, batches: list[_Prepared]) -> list[list[bool]]:
    """Insert the new events; for each event of each batch, whether it is new."""
    known = ids.intersection(db, [id_ for batch in batches for id_, _ in batch])
    fresh: dict[int, AcceptedEvent] = {}
    answers: list[list[bool]] = []
    for batch in batches:
        answers.append([])
        for id_, event in batch:
            answers[-1].append(id_ not in known)
            if id_ not in known:
                known.add(id_)
                fresh[id_] = event
    if fresh:
        sequence, available = db.execute("SELECT sequence, available FROM counter").fetchone()
        ahead = max(available - sequence, now() - sequence - len(fresh))  # of the stamps to the sequences
        runs = []
        for user, events in by_user(fresh.values()):
            sequence += len(events)
            runs.append((sequence, user, sequence + ahead, encode(events)))
        insert(db, "events", ("sequence", "user", "available", "events"), runs)
        ids.add(db, sequence, list(fresh))
        db.execute("UPDATE counter SET sequence = ?, available = ?", (sequence, sequence + ahead))
    return answers


def _insert_exposures(db: sqlite3.Connection, exposures: list[Exposure]) -> None:
    """Insert all but those of users who were forgotten while the exposures waited."""
    users = {each.user: hash64(each.user) for each in exposures if each.user is not None}
    forgotten = select_known(db, "SELECT user FROM forgotten WHERE user", list(users.values()))
    if forgotten:
        since = dict(db.execute("SELECT user, at FROM forgotten"))
        exposures = [
            each for each in exposures if each.user is None or each.at > since.get(users[each.user], -1)
        ]
    insert(db, "exposures", Exposure._fields, [(*each[:-1], json.dumps(each.items)) for each in exposures])
