"""Forgetting a user: everything is deleted, and tables that still hold the user do not bring it back.

Deletion is finished by the next writer if it is cut short. Forgotten users are kept as hashes with the moment, in
the home's ``forgotten.json``, so that not even their keys stay.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl

from shortlist.base.columns import AT, USER
from shortlist.base.errors import StoreError
from shortlist.base.files import read_json, sync, write_json
from shortlist.base.types import Mask
from shortlist.data.log.log import only_writer, parts, remove_unmarked, write_part
from shortlist.data.quarantine import CATALOGUE, PICTURES
from shortlist.data.reading.parsing import tolerant_key
from shortlist.storage.hashing import hash64
from shortlist.storage.home import Home
from shortlist.storage.store import EventStore

_PENDING = "forgetting.json"


class Forgotten:
    """The users that were forgotten in a home, each with the moment. StoreError where the file is damaged."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / "forgotten.json"
        try:
            moments = read_json(self._path) if self._path.exists() else {}
            self._moments = {int(user): int(moment) for user, moment in moments.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise StoreError(
                f"{self._path} is damaged ({error}): restore it from a copy, or forgotten users come back"
            ) from error

    def add(self, user: str, moment: int) -> None:
        """Reject events of ``user`` up to ``moment`` (microseconds) from now on. Durable."""
        self._moments[hash64(user)] = moment
        write_json(self._path, {str(user): moment for user, moment in self._moments.items()})

    def covers(self, events: pl.DataFrame) -> Mask:
        """Which of ``events`` (columns user and at) happened before their user was forgotten, or have no time."""
        if not self._moments:
            return np.zeros(len(events), np.bool_)
        users = events[USER].unique().drop_nulls()
        until = [self._moments.get(hash64(user), -1) for user in users]
        moments = pl.DataFrame({USER: users, "until": until}, schema_overrides={"until": pl.Int64})
        joined = events.select(USER, AT).join(moments, on=USER, how="left", maintain_order="left")
        covered = (pl.col(AT) <= pl.col("until")).fill_null(pl.col("until") >= 0)
        return joined.select(covered.fill_null(False)).to_series().to_numpy()

    def includes(self, users: pl.Series) -> Mask:
        """Which of ``users`` were ever forgotten: rows without a time are of before."""
        if not self._moments:
            return np.zeros(len(users), np.bool_)
        return np.array([user is not None and hash64(user) in self._moments for user in users], np.bool_)


def forget(home: Home, store: EventStore, user: str) -> None:
    """Delete the events, exposures and attributes of ``user``. Waits while another command writes the log.

    Releases keep what they learned until they are removed, but no server reads this user's history from them any
    more. A table that still holds the user brings back neither the events until now nor the attributes.
    """
    with only_writer(home):
        finish_forgetting(home, store)
        write_json(home.path / _PENDING, {"user": user, "at": time.time_ns() // 1000})
        finish_forgetting(home, store)


def finish_forgetting(home: Home, store: EventStore) -> None:
    """Complete a deletion that a crash cut short. The caller is the only writer."""
    pending = home.path / _PENDING
    if not pending.exists():
        return
    request = read_json(pending)
    user = request["user"]
    Forgotten(home).add(user, request.get("at", time.time_ns() // 1000))
    store.forget(user)
    remove_unmarked(home)
    for part in [*parts(home), *([home.users] if home.users.exists() else [])]:
        held = pl.scan_parquet(part, glob=False).select((pl.col(USER) == user).any()).collect().item()
        if held:
            _remove_user(part, user)
    for file in home.quarantine.glob("*.parquet"):
        if file.stem not in (CATALOGUE, PICTURES):
            _remove_user_from_quarantine(file, user)
    pending.unlink()
    sync(home.path)


def _remove_user(part: Path, user: str) -> None:
    """Replace ``part`` atomically. One without rows stays: a reader may have listed it."""
    rows = pl.read_parquet(part, glob=False, hive_partitioning=False)
    _replace(part, rows.filter(pl.col(USER) != user))


def _remove_user_from_quarantine(file: Path, user: str) -> None:
    """The same for rejected rows, whose first cell is the user's key."""
    rows = pl.read_parquet(file, glob=False)
    cell = next(name for name in rows.columns if name.startswith("cell "))
    kept = rows.filter((tolerant_key(rows[cell]) != user).fill_null(True))
    if len(kept) < len(rows):
        _replace(file, kept)


def _replace(path: Path, rows: pl.DataFrame) -> None:
    aside = path.with_suffix(".aside")
    write_part(rows, aside)
    aside.rename(path)
    sync(path.parent)
