"""The SQLite file: its tables, migrations and connections, and its errors with advice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shortlist.base.contexts import from_text
from shortlist.base.errors import StoreError
from shortlist.base.files import sync
from shortlist.storage.hashing import hash64
from shortlist.storage.runs import encode
from shortlist.storage.store import AcceptedEvent

FORMAT = 5  # of the tables below (pragma user_version); raised when they change

_EVENTS = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,  -- of the last event of a run of one user
    user TEXT NOT NULL,
    available INTEGER NOT NULL,  -- of the last event
    events BLOB NOT NULL  -- as runs.py writes them
) STRICT;
CREATE INDEX events_of_user ON events (user, sequence);
CREATE TABLE new_ids (
    sequence INTEGER PRIMARY KEY,
    numbers BLOB NOT NULL  -- 8 bytes, little-endian, for each id of a transaction
) STRICT;
"""

_STATE = """
CREATE TABLE counter (  -- one row
    sequence INTEGER NOT NULL,  -- the newest; never used again, even where its event was dropped
    available INTEGER NOT NULL,  -- the newest stamp
    merged INTEGER NOT NULL DEFAULT 0  -- the ids of events up to this sequence are in ids
) STRICT;
INSERT INTO counter VALUES (0, 0, 0);
CREATE TABLE ids (
    number INTEGER PRIMARY KEY  -- of every event_id that was ever accepted, but for new_ids
) STRICT;
CREATE TABLE forgotten (
    user INTEGER PRIMARY KEY,  -- hash; the key itself is deleted
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
"""

_REST = """
CREATE TABLE deletions (
    item TEXT PRIMARY KEY,
    deleted INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE  -- how many deletions and restorations there were, up to this one
) STRICT;
CREATE TABLE exposures (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    request TEXT NOT NULL,
    release INTEGER NOT NULL,
    kind TEXT NOT NULL,
    user TEXT,
    at INTEGER NOT NULL,
    items TEXT NOT NULL  -- JSON list of keys in slate order
) STRICT;
"""

_ARRIVALS = """
CREATE TABLE arrivals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    item TEXT NOT NULL,
    attributes TEXT NOT NULL  -- JSON
) STRICT;
"""

# Ids and users land on random pages, and a page that changes often is written to the file once a checkpoint:
# measured with 400 events a transaction, 16 us an event instead of 21 at SQLite's own 1,000.
_CHECKPOINT = 10_000  # pages, 40 MB
_LOCK_TIMEOUT = 30.0  # seconds for another process's transaction


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on disk when they return; the caller writes BEGIN and COMMIT.

    It may be used by another thread than the one that made it, but only by one at a time.
    """
    db = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
    return db


def prepare(path: Path) -> None:
    """Make the tables where there are none, or bring an older format up to date.

    Raises StoreError where the file has a newer format or is another application's.
    """
    with translated(path):
        db = connect(path)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            with transaction(db):
                version = db.execute("PRAGMA user_version").fetchone()[0]
                foreign = version == 0 and db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
                if version > FORMAT or foreign:
                    raise StoreError(
                        f"{path} "
                        + ("is no event store of Shortlist" if foreign else f"has format {version}")
                        + f", and this Shortlist reads up to format {FORMAT}: upgrade Shortlist, or point "
                        "SHORTLIST_HOME at another folder"
                    )
                if version == 0:
                    _run(db, _EVENTS + _STATE + _REST + _ARRIVALS)
                elif version < FORMAT:
                    _from_older(db, version)
                if version < FORMAT:
                    db.execute(f"PRAGMA user_version = {FORMAT}")
        finally:
            db.close()
        sync(path.parent)  # the file's own entry survives a power cut too


def _run(db: sqlite3.Connection, statements: str) -> None:
    """As ``executescript``, but inside the transaction that is open."""
    for statement in statements.split(";\n"):
        db.execute(statement)


def _from_older(db: sqlite3.Connection, version: int) -> None:
    """Before format 5 items could not be added, before 4 each event was a row, before 3 none had a context.

    Format 1 kept ids only with their events, and no time of acceptance: the time of the event stands for it.
    """
    _run(db, _ARRIVALS)
    if version == 4:
        return
    db.execute("DROP INDEX events_of_user")
    db.execute("ALTER TABLE events RENAME TO older")
    _run(db, _EVENTS)
    if version == 1:
        _run(db, _STATE)
        db.create_function("hash64", 1, hash64, deterministic=True)
        db.execute("INSERT OR IGNORE INTO ids SELECT hash64(event_id) FROM older")
        db.execute("UPDATE counter SET sequence = (SELECT COALESCE(MAX(sequence), 0) FROM older)")
    else:
        db.execute("ALTER TABLE counter ADD COLUMN merged INTEGER NOT NULL DEFAULT 0")
    available, context = "at" if version == 1 else "available", "context" if version == 3 else "NULL"
    for sequence, stamp, *row, context_text in db.execute(
        f"SELECT sequence, {available}, event_id, event, user, item, at, value, {context} FROM older"
    ):
        event = AcceptedEvent._make([*row, from_text(context_text) or None])
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (sequence, event.user, stamp, encode([event])))
    db.execute("DROP TABLE older")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is durable when the block ends, or nothing of it happened."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


_ADVICE = {
    "SQLITE_FULL": "the disk is full: make room; nothing that was acknowledged is lost",
    "SQLITE_READONLY": "it may not be written: check the permissions of the file and of its folder",
    "SQLITE_CANTOPEN": "it cannot be opened or made: check that its folder exists and may be written",
    "SQLITE_NOTADB": "it is damaged or no SQLite file: move it away, or restore it from a copy",
    "SQLITE_CORRUPT": "it is damaged: restore it from a copy, or save what `sqlite3 FILE .recover` gives",
    "SQLITE_BUSY": f"another process held it for over {_LOCK_TIMEOUT:.0f} s: is a tool keeping a transaction open?",
    "SQLITE_IOERR": "the disk did not read or write: check it and its free space",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file at ``path`` into StoreErrors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        kind = next((prefix for prefix in _ADVICE if name.startswith(prefix)), "")
        raise StoreError(f"the event store {path}: {_ADVICE.get(kind, 'it failed')} ({error})") from error
