"""Deletion of one user's data from the store and from the log, finished by the next writer if it is cut short."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from shortlist.base.columns import USER
from shortlist.base.files import read_json, sync, write_json
from shortlist.data.log import only_writer, parts, remove_unmarked, write_part
from shortlist.storage.home import Home
from shortlist.storage.store import EventStore

_PENDING = "forgetting.json"


def forget(home: Home, store: EventStore, user: str) -> None:
    """Delete what ``user`` did and was shown. Waits while another command writes the log.

    Releases keep what they learned until they are removed, but no server reads this user's history from
    them any more. Tables outside the home are their owner's business.
    """
    with only_writer(home):
        finish_forgetting(home, store)
        write_json(home.path / _PENDING, {"user": user})
        finish_forgetting(home, store)


def finish_forgetting(home: Home, store: EventStore) -> None:
    """Delete what a crash left of a user who was to be forgotten. The caller is the only writer."""
    pending = home.path / _PENDING
    if pending.exists():
        user = read_json(pending)["user"]
        store.forget(user)
        remove_unmarked(home)
        for part in parts(home):
            held = pl.scan_parquet(part, glob=False).select((pl.col(USER) == user).any()).collect().item()
            if held:
                _rewrite(part, user)
        pending.unlink()
        sync(home.path)


def _rewrite(part: Path, user: str) -> None:
    """Replace ``part`` by one without ``user``, atomically. An empty one stays: a reader may have listed it."""
    aside = part.with_suffix(".aside")
    rows = pl.read_parquet(part, glob=False, hive_partitioning=False)
    write_part(rows.filter(pl.col(USER) != user), aside)
    aside.rename(part)
    sync(part.parent)
