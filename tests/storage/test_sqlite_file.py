"""Commits wait for the disk, and every way in which the file can fail is one clear StoreError."""

import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from shortlist.base.errors import StoreError
from shortlist.storage import event_ids, sqlite, sqlite_schema
from shortlist.storage.hashing import hash64
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent, Exposure


def events(count, text="x"):
    return [AcceptedEvent(f"{n}{text}", "view", "anna", text, n) for n in range(count)]


def test_commits_wait_for_the_disk(tmp_path):
    sqlite_schema.prepare(tmp_path / "state.db")
    db = sqlite_schema.connect(tmp_path / "state.db")
    assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: a power cut loses nothing either"
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_full_disk_fails_the_write_and_keeps_what_was_acknowledged(tmp_path, monkeypatch):
    def small(path):
        db = sqlite_schema.connect(path)
        db.execute("PRAGMA max_page_count = 40")
        return db

    monkeypatch.setattr(sqlite, "connect", small)
    store = SqliteStore(tmp_path / "state.db")
    store.accept(events(3))
    with pytest.raises(StoreError, match=r"state\.db: the disk is full: make room"):
        store.accept(events(500, "long" * 100))
    assert store.accept(events(4)) == [False, False, False, True]
    store.expose(Exposure("r", 1, "recommend", "anna", 1, ("long" * 100_000,)))
    store.close()
    assert store.exposures_dropped == 1


@pytest.fixture
def read_only_folder():
    """A folder that may be read and not written, also where root runs the tests."""
    folder = Path(tempfile.mkdtemp())
    was_root = os.geteuid() == 0
    folder.chmod(0o555)
    if was_root:
        os.seteuid(65534)
    yield folder
    if was_root:
        os.seteuid(0)
    folder.rmdir()


def test_a_folder_without_permission(read_only_folder):
    with pytest.raises(StoreError, match="check that its folder exists and may be written"):
        SqliteStore(read_only_folder / "state.db")


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(StoreError, match="check that its folder exists and may be written"):
        SqliteStore(tmp_path / "absent" / "state.db")


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "state.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="damaged or no SQLite file"):
        SqliteStore(tmp_path / "state.db")


def test_a_database_with_damaged_pages(tmp_path):
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    store.accept(events(2000))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged: restore it from a copy"):
        SqliteStore(path)


def test_a_database_with_a_damaged_page(tmp_path):
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    store.accept(events(2000))
    store.close()
    with sqlite3.connect(path) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="damaged"):
        store.read_state(["anna"], 0).events[0]
    with pytest.raises(StoreError, match="damaged"):
        store.accept(events(1, "new"))
    store.close()


def test_a_newer_format(tmp_path):
    SqliteStore(tmp_path / "state.db").close()
    db = sqlite3.connect(tmp_path / "state.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="has format 99, and this Shortlist reads up to format 5: upgrade"):
        SqliteStore(tmp_path / "state.db")


def test_a_database_of_another_application(tmp_path):
    db = sqlite3.connect(tmp_path / "state.db")
    db.execute("CREATE TABLE notes (text)")
    db.close()
    with pytest.raises(StoreError, match="is no event store of Shortlist"):
        SqliteStore(tmp_path / "state.db")


def test_a_locked_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_schema, "_LOCK_TIMEOUT", 0.05)
    store = SqliteStore(tmp_path / "state.db")
    db = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process held it"):
        store.accept(events(1))
    assert store.read_state(["anna"], 0).events[0] == [], "readers do not wait for writers"
    db.execute("ROLLBACK")
    assert store.accept(events(1)) == [True]
    store.close()


FORMAT_1 = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, event TEXT NOT NULL,
    user TEXT NOT NULL, item TEXT NOT NULL, at INTEGER NOT NULL, value REAL
) STRICT;
CREATE INDEX events_of_user ON events (user, sequence);
CREATE TABLE deletions (
    item TEXT PRIMARY KEY, deleted INTEGER NOT NULL, change INTEGER NOT NULL UNIQUE
) STRICT;
CREATE TABLE exposures (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, release INTEGER NOT NULL,
    kind TEXT NOT NULL, user TEXT, at INTEGER NOT NULL, items TEXT NOT NULL
) STRICT;
INSERT INTO events (event_id, event, user, item, at, value) VALUES
    ('a', 'view', 'anna', 'x', 7, 2.5), ('b', 'view', 'bert', 'y', 5, NULL);
INSERT INTO deletions VALUES ('y', 1, 1);
PRAGMA user_version = 1;
"""


def test_an_older_format_is_brought_up_to_date(tmp_path):
    db = sqlite3.connect(tmp_path / "state.db")
    db.executescript(FORMAT_1)
    db.close()
    for _ in range(2):
        store = SqliteStore(tmp_path / "state.db")
        [frame] = store.scan()
        assert frame.rows() == [
            ("a", "view", "anna", "x", 7, 2.5, None, 7),
            ("b", "view", "bert", "y", 5, None, None, 5),
        ]
        assert (store.sequence(), store.deleted_items()) == (2, {"y"})
        assert store.accept([AcceptedEvent("a", "view", "anna", "x", 7)]) == [False]
        store.close()


FORMAT_2 = """
CREATE TABLE counter (sequence INTEGER NOT NULL, available INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (9, 90);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY, event_id TEXT NOT NULL, event TEXT NOT NULL, user TEXT NOT NULL,
    item TEXT NOT NULL, at INTEGER NOT NULL, value REAL, available INTEGER NOT NULL
) STRICT;
CREATE INDEX events_of_user ON events (user, sequence);
CREATE TABLE ids (number INTEGER PRIMARY KEY) STRICT;
CREATE TABLE forgotten (user INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE deletions (
    item TEXT PRIMARY KEY, deleted INTEGER NOT NULL, change INTEGER NOT NULL UNIQUE
) STRICT;
CREATE TABLE exposures (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, release INTEGER NOT NULL,
    kind TEXT NOT NULL, user TEXT, at INTEGER NOT NULL, items TEXT NOT NULL
) STRICT;
INSERT INTO events VALUES (8, 'a', 'view', 'anna', 'x', 7, 2.5, 88), (9, 'b', 'view', 'anna', 'y', 5, NULL, 90);
PRAGMA user_version = 2;
"""


@pytest.mark.parametrize("context", [None, '{"device":"tv"}'])
def test_events_that_were_rows_become_runs(tmp_path, context):
    db = sqlite3.connect(tmp_path / "state.db")
    db.executescript(FORMAT_2)
    db.execute("INSERT INTO ids VALUES (?)", (hash64("a"),))
    if context:  # format 3
        db.execute("ALTER TABLE events ADD COLUMN context TEXT")
        db.execute("UPDATE events SET context = ?", (context,))
        db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()
    for turn in range(2):
        store = SqliteStore(tmp_path / "state.db")
        assert store.accept([AcceptedEvent("a", "view", "anna", "x", 7)]) == [False]
        assert store.accept([AcceptedEvent(f"new {turn}", "view", "bert", "x", 8)]) == [True]
        [frame] = store.scan(upto=9)
        assert frame.rows() == [
            ("a", "view", "anna", "x", 7, 2.5, context, 88),
            ("b", "view", "anna", "y", 5, None, context, 90),
        ]
        assert [each.item for each in store.read_state(["anna"], 0).events[0]] == ["y", "x"]
        assert store.sequence() == 10 + turn
        store.close()


def test_new_ids_are_sorted_in_a_part_at_a_time_by_many_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(event_ids, "MERGE_AFTER", 20)
    monkeypatch.setattr(event_ids, "MERGE_PART", 6)
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(3)]
    for turn in range(60):
        batch = [AcceptedEvent(f"{turn}-{n}", "view", "anna", "x", 7) for n in range(5)]
        assert stores[turn % 3].accept(batch) == [True] * 5
        if turn % 10 == 9:  # a process goes, another comes
            stores[turn % 3].close()
            stores[turn % 3] = SqliteStore(tmp_path / "state.db")
    db = sqlite3.connect(tmp_path / "state.db")
    [sorted_in] = db.execute("SELECT COUNT(*) FROM ids").fetchone()
    [waiting] = db.execute("SELECT SUM(LENGTH(numbers)) / 8 FROM new_ids").fetchone()
    db.close()
    assert sorted_in > 100
    assert sorted_in + waiting >= 300
    everything = [
        AcceptedEvent(f"{turn}-{n}", "view", "anna", "x", 7) for turn in range(60) for n in range(5)
    ]
    for store in stores:
        assert not any(store.accept(everything))
        store.close()


def test_ids_of_large_batches_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setattr(event_ids, "MERGE_AFTER", 50)
    monkeypatch.setattr(event_ids, "MERGE_PART", 5)
    store = SqliteStore(tmp_path / "state.db")
    for turn in range(40):
        store.accept(events(30, f" {turn}"))
    db = sqlite3.connect(tmp_path / "state.db")
    assert db.execute("SELECT COALESCE(SUM(LENGTH(numbers)), 0) / 8 FROM new_ids").fetchone()[0] < 200
    db.close()
    store.close()


def test_a_transaction_that_fails_while_ids_are_sorted_in_forgets_none(tmp_path, monkeypatch):
    monkeypatch.setattr(event_ids, "MERGE_AFTER", 10)
    monkeypatch.setattr(event_ids, "MERGE_PART", 2)
    store = SqliteStore(tmp_path / "state.db")
    store.accept(events(10))
    for n in range(40):
        with monkeypatch.context() as failing:
            failing.setattr(sqlite, "_insert_exposures", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                store.accept(events(1, f"lost {n}"))
        assert store.accept(events(1, f"kept {n}")) == [True]
    assert not any(store.accept(events(10)))
    assert not any(store.accept([each for n in range(40) for each in events(1, f"kept {n}")]))
    store.close()
