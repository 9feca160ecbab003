"""What changes while a release serves: deletions, added items, live features, the clock. One lock, bounded memory.

The store is read by ``update``, which a background thread calls, and by ``with_deletions`` when a request finds
that something was deleted. Everything else, ``view`` before all, is memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from threading import RLock

import numpy as np
import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, EVENT, ITEM, USER, VALUE
from shortlist.base.contexts import from_text
from shortlist.base.errors import UnavailableError
from shortlist.base.items import PICTURES
from shortlist.base.types import Mask, Rows
from shortlist.data.log.added_items import rows
from shortlist.service.active_release import ActiveRelease, View
from shortlist.storage.store import EventStore
from shortlist.vision.images.album import Album

_UNKNOWN_USERS = 2**31  # numbers for users that the release does not know, beside its own


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


class OnlineState:
    """The state of one active release in one process. Methods may be called from many threads."""

    def __init__(self, active: ActiveRelease, store: EventStore, pictures: Path | None = None) -> None:
        """Takes in all that came since the release was trained. Raises StoreError."""
        self._store, self._pictures = store, pictures
        self._lock = RLock()
        release = active.release
        self._view = View(active, release, event_codes=active.event_codes)
        self._followed = release.watermark  # the store's sequence up to which live features have followed
        learned = release.histories.available_at
        self._clock = max(now(), 0 if learned is None else int(learned.max(initial=0)))
        self.update()

    @property
    def view(self) -> View:
        """What a request sees that begins now, but for deletions of the last moment."""
        return self._view

    @cached_property
    def album(self) -> Album:
        """The pictures of the home. Raises UnavailableError where there are none."""
        if self._pictures is None:
            raise UnavailableError("this server has no place for pictures")
        return Album(self._pictures)

    def moment(self, newest: int = 0) -> int:
        """Now, in microseconds: after ``newest`` and after everything that was asked or became known before.

        A clock that stepped back is not believed.
        """
        with self._lock:
            self._clock = max(now(), newest, self._clock)
            return self._clock

    def update(self) -> None:
        """Take in items and events that any process accepted since the last call, and deletions."""
        with self._lock:
            self._add_items()
            self._follow_events()
            self.with_deletions(self._store.deletion_count())

    def with_deletions(self, count: int) -> View:
        """The view with all deletions up to the store's ``count``; asks the store only where it lacks some."""
        if count == self._view.deletions:
            return self._view
        with self._lock:
            if count != self._view.deletions:
                self._view = replace(self._view, live=self._live(self._view), deletions=count)
            return self._view

    def _live(self, view: View) -> Mask | None:
        items = view.pipeline.items
        gone = items.positions(self._store.deleted_items())
        gone = gone[gone >= 0]
        if not len(gone):
            return None
        live = np.ones(len(items), bool)
        live[gone] = False
        return live

    def _add_items(self) -> None:
        view = self._view
        added = self._store.added_items(view.added)
        if not added:
            return
        items = view.pipeline.items
        fresh = rows(items.table, added)
        if len(fresh):
            grown = items.with_new_items(fresh, self.album if PICTURES in fresh.dtypes else None)
            view = replace(view, release=view.release.with_new_items(grown))
            if view.live is not None:
                view = replace(view, live=self._live(view))
        self._view = replace(view, added=added[-1].number)

    def _follow_events(self) -> None:
        live, newest = self._view.pipeline.features.live, self._store.sequence()
        if live is None or newest == self._followed:
            return
        for frame in self._store.scan(self._followed, newest):
            self._follow(frame)
            self._clock = max(self._clock, int(frame[AVAILABLE_AT][-1]))  # stamps grow
        self._followed = newest

    def _follow(self, frame: pl.DataFrame) -> None:
        view = self._view
        live = view.pipeline.features.live
        assert live is not None
        positions = view.pipeline.items.positions(frame[ITEM])
        codes = np.array([view.event_codes.get(name, -1) for name in frame[EVENT]], np.int16)
        known = (positions >= 0) & (codes >= 0)
        context = (
            view.contexts.codes([from_text(text) for text in frame[CONTEXT]]) if view.contexts.names else None
        )
        live.add(
            positions[known],
            frame[AT].to_numpy()[known],
            codes[known],
            frame[VALUE].fill_null(np.nan).to_numpy()[known],
            users=self._numbers(frame[USER].filter(pl.Series(known))) if live.needs_users else None,
            context=None if context is None else context[known],
        )

    def _numbers(self, users: Iterable[str]) -> Rows:
        """A number for each user: the row of the release's histories, or one above all rows, made from the key.

        Made rather than counted, so that unknown users take no memory. Two of them share a number, and count as
        one, with a chance of one in two thousand million.
        """
        known = self._view.release.users
        return np.array([_number(user, known.position(user), len(known)) for user in users], np.int64)


def _number(user: str, row: int, rows: int) -> int:
    if row >= 0:
        return row
    digest = blake2b(user.encode(), digest_size=8).digest()
    return rows + int.from_bytes(digest) % (_UNKNOWN_USERS - rows)
