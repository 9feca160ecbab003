"""Deletion of one user's data from the store and from the log, finished by the next writer if it is cut short."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl

from shortlist.base.columns import USER
from shortlist.base.files import read_json, sync, write_json
from shortlist.data.ingest import catalogue
from shortlist.data.log.forgotten import Forgotten
from shortlist.data.log.log import only_writer, parts, remove_unmarked, write_part
from shortlist.data.reading.parsing import careful_key
from shortlist.storage.home import Home
from shortlist.storage.store import EventStore

_PENDING = "forgetting.json"


def forget(home: Home, store: EventStore, user: str) -> None:
    """Delete what ``user`` did and was shown. Waits while another command writes the log.

    Releases keep what they learned until they are removed, but no server reads this user's history from
    them any more. A table that still holds them does not bring back what they did until now.
    """
    with only_writer(home):
        finish_forgetting(home, store)
        write_json(home.path / _PENDING, {"user": user, "at": time.time_ns() // 1000})
        finish_forgetting(home, store)


def finish_forgetting(home: Home, store: EventStore) -> None:
    """Delete what a crash left of a user who was to be forgotten. The caller is the only writer."""
    pending = home.path / _PENDING
    if pending.exists():
        asked = read_json(pending)
        user = asked["user"]
        Forgotten(home).add(user, asked.get("at", time.time_ns() // 1000))
        store.forget(user)
        remove_unmarked(home)
        for part in parts(home):
            held = pl.scan_parquet(part, glob=False).select((pl.col(USER) == user).any()).collect().item()
            if held:
                _rewrite(part, user)
        for file in home.quarantine.glob("*.parquet"):
            if file.stem != catalogue.TABLE:
                _rewrite_quarantine(file, user)
        pending.unlink()
        sync(home.path)


def _rewrite(part: Path, user: str) -> None:
    """Replace ``part`` by one without ``user``, atomically. An empty one stays: a reader may have listed it."""
    rows = pl.read_parquet(part, glob=False, hive_partitioning=False)
    _replace(part, rows.filter(pl.col(USER) != user))


def _rewrite_quarantine(file: Path, user: str) -> None:
    """The same for rows that were put aside: the first of their cells is the user's."""
    rows = pl.read_parquet(file, glob=False)
    cell = next(name for name in rows.columns if name.startswith("cell "))
    kept = rows.filter((careful_key(rows[cell]) != user).fill_null(True))
    if len(kept) < len(rows):
        _replace(file, kept)


def _replace(path: Path, rows: pl.DataFrame) -> None:
    aside = path.with_suffix(".aside")
    write_part(rows, aside)
    aside.rename(path)
    sync(path.parent)
