"""Accepted events move to the log, or to nowhere: what readers see is the same before, during and after."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, DAY, EVENT_ID, USER
from shortlist.base.errors import StoreError
from shortlist.data.compact import compact, whole_log
from shortlist.data.forget import forget
from shortlist.data.log import log
from shortlist.storage.frames import EVENT_FRAME
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import AcceptedEvent

# Does ARGUMENTS with every lasting step counted, and kills itself before step number STEP.
CHILD = """
import os, signal, sys
from pathlib import Path
from shortlist.data.compact import compact
from shortlist.data.forget import forget
from shortlist.storage import sqlite
from shortlist.storage.home import Home
from shortlist.storage.open import open_store

home, left, user = Home.open(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]

def counted(function):
    def called(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return called

store = open_store(home)
for name in ("fsync", "rename", "replace", "unlink", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))
sqlite.SqliteStore._change = counted(sqlite.SqliteStore._change)
sqlite._TRIM = 4
if user:
    forget(home, store, user)
else:
    compact(home, store, lambda: 10)
"""


def event(n, *, user=None, day=0):
    context = {"device": "tv"} if n % 2 else None
    return AcceptedEvent(f"e{n}", "view", user or f"u{n % 3}", f"i{n}", day * DAY + n, float(n), context)


@pytest.fixture
def home(tmp_path):
    """Two events of a table, and twelve that were accepted on two days; half of them are compacted."""
    home = Home.open(tmp_path / "home")
    columns = {name: kind for name, kind in EVENT_FRAME.items() if name not in (CONTEXT, AVAILABLE_AT)}
    rows = pl.DataFrame([event(100)[:-1], event(101)[:-1]], schema=columns, orient="row")
    with log.only_writer(home) as staging, log.Writer(home, staging) as writer:
        writer.write(rows)
        writer.commit()
    store = SqliteStore(home.state)
    store.accept([event(n, day=n % 2) for n in range(6)])
    compact(home, store, lambda: 2)
    store.accept([event(n, day=n % 2) for n in range(6, 12)])
    store.close()
    return home


def everything(home):
    """The whole log and the number it goes up to, and what the store answers to every id sent again."""
    store = open_store(home)
    found, upto = whole_log(home, store)
    rows = found.collect()
    again = store.accept([event(n) for n in range(12)])
    store.close()
    assert not any(again), "ids are known for ever"
    return rows, upto


def test_the_log_and_the_store_are_one(home):
    rows, upto = everything(home)
    assert upto == 12
    assert sorted(rows[EVENT_ID]) == sorted([f"e{n}" for n in (100, 101, *range(12))])
    assert (rows.filter(pl.col(EVENT_ID) == "e100")[AVAILABLE_AT] == 100).all(), "as it happened"
    accepted = rows.filter(pl.col(AT) // DAY == 1)
    assert (accepted[AVAILABLE_AT] > accepted[AT]).all()
    assert rows.filter(pl.col(CONTEXT) == '{"device":"tv"}')[EVENT_ID].sort().to_list() == [
        "e1", "e11", "e3", "e5", "e7", "e9",
    ]  # fmt: skip


def test_compaction_moves_what_is_new_and_keeps_what_a_release_needs(home):
    before, _ = everything(home)
    store = open_store(home)
    assert compact(home, store, lambda: 8) == 6
    assert compact(home, store, lambda: 8) == 0
    assert store.read_state(["u0"], 8).events[0] == [event(9, day=1)]
    assert [key for frame in store.scan() for key in frame[EVENT_ID]] == [f"e{n}" for n in range(8, 12)]
    store.close()
    after, upto = everything(home)
    assert upto == 12
    assert after.sort(EVENT_ID).equals(before.sort(EVENT_ID))
    assert log.scan(home).collect().sort(EVENT_ID).equals(before.sort(EVENT_ID)), "the log alone holds all"


def steps(home, tmp_path, user=""):
    """Copies of ``home`` after a SIGKILL before the first lasting step, the second, ... and the last, done."""
    for step in range(100):
        copy = Home(tmp_path / f"{step}")
        shutil.copytree(home.path, copy.path)
        done = subprocess.run([sys.executable, "-c", CHILD, str(copy.path), str(step), user], check=False)
        yield copy
        if done.returncode == 0:
            assert step > 8
            return
        assert done.returncode == -signal.SIGKILL
    raise AssertionError("it never ends")


def test_a_crash_of_compaction_at_any_step_changes_nothing(home, tmp_path):
    before, upto = everything(home)
    for copy in steps(home, tmp_path):
        at_once, its_upto = everything(copy)
        assert its_upto == upto
        assert at_once.sort(EVENT_ID).equals(before.sort(EVENT_ID))
        store = open_store(copy)
        assert [e.event_id for e in store.read_state(["u2"], 10).events[0]] == ["e11"], (
            "what the releases need is there"
        )
        compact(copy, store, lambda: 12)
        assert list(store.scan()) == []
        store.close()
        assert everything(copy)[0].sort(EVENT_ID).equals(before.sort(EVENT_ID))
        assert not (copy.path / ".compact").exists()


def test_a_crash_while_a_user_is_forgotten_is_finished_by_the_next(home, tmp_path):
    before, _ = everything(home)
    others = before.filter(pl.col(USER) != "u1").sort(EVENT_ID)
    for copy in steps(home, tmp_path, user="u1"):
        pending = (copy.path / "forgetting.json").exists()
        rows, _ = everything(copy)
        assert rows.filter(pl.col(USER) != "u1").sort(EVENT_ID).equals(others), "no other user is touched"
        store = open_store(copy)
        compact(copy, store, lambda: 12)
        store.close()
        rows, _ = everything(copy)
        if pending or len(rows) == len(others):
            assert rows.sort(EVENT_ID).equals(others)
        else:
            assert rows.sort(EVENT_ID).equals(before.sort(EVENT_ID)), "it had not begun"
        assert not list(copy.path.rglob("*.aside"))


def test_forgetting_rewrites_only_the_parts_that_hold_the_user(home):
    store = open_store(home)
    compact(home, store, lambda: 12)
    store.accept([event(50, user="only", day=5)])
    compact(home, store, lambda: 13)
    before = {part: part.stat().st_ino for part in log.parts(home)}
    forget(home, store, "only")
    changed = [part for part in log.parts(home) if part.stat().st_ino != before[part]]
    assert [part.parent.name for part in changed] == ["day=1970-01-06"]
    assert len(log.parts(home)) == len(before)
    assert "only" not in set(whole_log(home, store)[0].collect()[USER])
    store.close()


def test_readers_are_exact_while_others_accept_and_compact(home):
    store, writer = open_store(home), open_store(home)
    done = threading.Event()

    def write():
        for n in range(200, 500):
            writer.accept([event(n)])
        done.set()

    def move():
        while not done.is_set():
            compact(home, writer, writer.sequence)

    threads = [threading.Thread(target=each) for each in (write, move)]
    for thread in threads:
        thread.start()
    while not done.is_set():
        found, upto = whole_log(home, store)
        keys = found.collect()[EVENT_ID]
        assert keys.n_unique() == len(keys) == 2 + upto
    for thread in threads:
        thread.join()
    store.close()
    writer.close()


def test_a_log_written_before_there_were_stamps(home):
    part = log.parts(home)[0]
    assert AVAILABLE_AT not in pl.read_parquet_schema(part)
    assert log.scan(home).collect()[AVAILABLE_AT].null_count() == 0


def test_a_store_that_was_lost_goes_on_above_the_log(home):
    store = open_store(home)
    compact(home, store, lambda: 0)
    store.close()
    home.state.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match="damaged or no SQLite file: move it away"):
        open_store(home)
    home.state.unlink()
    for suffix in ("-wal", "-shm"):
        home.state.with_name(home.state.name + suffix).unlink(missing_ok=True)
    store = open_store(home)
    assert store.sequence() == 12
    store.accept([event(77)])
    rows, upto = whole_log(home, store)
    assert upto == 13
    assert sorted(rows.collect()[EVENT_ID]) == sorted([f"e{n}" for n in (100, 101, *range(12), 77)])
    assert store.read_state(["u2"], 12).events[0] == [event(77)], (
        "and is felt by a release that had seen twelve"
    )
    store.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_stops_compaction_and_harms_nothing(home, monkeypatch):
    before, upto = everything(home)

    write_part = log.write_part

    def full(rows, path):
        path.write_bytes(b"half")
        write_part(rows, Path("/dev/full"))

    store = open_store(home)
    with monkeypatch.context() as patch:
        patch.setattr(log, "write_part", full)
        with pytest.raises(StoreError, match="the disk is full: make room; nothing that was acknowledged"):
            compact(home, store, lambda: 12)
    assert len(list(store.scan())) == 1, "the store has dropped nothing"
    compact(home, store, lambda: 12)
    store.close()
    after, its_upto = everything(home)
    assert its_upto == upto
    assert after.sort(EVENT_ID).equals(before.sort(EVENT_ID))


def test_a_log_that_may_not_be_written(home):
    store = open_store(home)
    before, _ = whole_log(home, store)
    (home.path / "ingest.lock").chmod(0o444)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        with pytest.raises(
            StoreError, match="cannot be written: it may not be written: check the permissions"
        ):
            compact(home, store, lambda: 12)
    finally:
        if was_root:
            os.seteuid(0)
    assert whole_log(home, store)[0].collect().equals(before.collect())
    store.close()


def test_a_damaged_mark_is_an_error(home):
    (home.events / "compacted.json").write_text("{")
    with pytest.raises(StoreError, match=r"compacted\.json is damaged .* restore it from a copy"):
        open_store(home)
