"""What changes while a release serves: deletions, added items, live features, the clock. Locked, bounded memory.

The store is read by ``update``, which a background thread calls, and by ``with_deletions`` when a request finds
that something was deleted. Everything else, ``view`` before all, is memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock, RLock

import numpy as np
import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, EVENT, ITEM, USER, VALUE
from shortlist.base.contexts import from_text
from shortlist.base.errors import UnavailableError
from shortlist.base.items import PICTURES
from shortlist.base.types import Mask, Rows
from shortlist.base.users import Users
from shortlist.data.log.added_items import rows
from shortlist.service.active_release import ActiveRelease, View
from shortlist.storage.store import EventStore
from shortlist.vision.images.album import Album

MAX_EARLY_EVENTS = 10_000  # that wait for their item to be added
MAX_USER_NUMBER = 2**31  # users of the release have the lowest numbers, unknown ones the rest


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


class OnlineState:
    """The state of one active release in one process. Methods may be called from many threads."""

    def __init__(self, active: ActiveRelease, store: EventStore, pictures: Path | None = None) -> None:
        """Takes in all that came since the release was trained. Raises StoreError."""
        self._store, self._pictures = store, pictures
        self._view = View(active, active.release)
        self._changing = RLock()  # held to change the view or the live features
        self._followed = active.release.watermark  # the store's sequence that live features have followed to
        self._early: pl.DataFrame | None = None  # events on items that were not added yet, the newest
        known = active.release.histories.available_at
        self._clock = max(now(), 0 if known is None else int(known.max(initial=0)))
        self._ticking = Lock()  # of its own, so that asking the time never waits for the store
        self.update()

    @property
    def view(self) -> View:
        """What a request that begins now sees, but for deletions since the last `with_deletions`."""
        return self._view

    def album(self) -> Album:
        """The pictures of the home. Raises UnavailableError where there are none."""
        if self._pictures is None:
            raise UnavailableError("this server has no folder for pictures")
        return Album(self._pictures)

    def moment(self, *, after: int = -1) -> int:
        """Now, in microseconds: later than ``after``, never before an earlier moment, nor before a followed event
        became available.

        So a clock that steps back stands still here until it has caught up.
        """
        return self._advance(max(now(), after + 1))

    def update(self) -> None:
        """Take in items and events that any process accepted since the last call, and deletions."""
        with self._changing:
            newest = self._store.sequence()  # before the items: an event up to here finds its item added
            self._add_items()
            self._follow_events(newest)
            self.with_deletions(self._store.deletion_count())

    def with_deletions(self, count: int) -> View:
        """The view with all deletions up to the store's ``count``; asks the store only where it lacks some."""
        if count == self._view.deletions:
            return self._view
        with self._changing:
            if count != self._view.deletions:
                self._view = replace(self._view, live=self._live_items(self._view), deletions=count)
            return self._view

    def _live_items(self, view: View) -> Mask | None:
        items = view.pipeline.items
        deleted = items.positions(self._store.deleted_items())
        deleted = deleted[deleted >= 0]
        if not len(deleted):
            return None
        live = np.ones(len(items), bool)
        live[deleted] = False
        return live

    def _add_items(self) -> None:
        view = self._view
        added = self._store.added_items(view.added)
        if not added:
            return
        items = view.pipeline.items
        fresh = rows(items.table, added)
        if len(fresh):
            longer = items.with_new_items(fresh, self.album() if PICTURES in fresh.dtypes else None)
            view = replace(view, release=view.release.with_new_items(longer))
            if view.deletions:  # an item may have been deleted before this process had it
                view = replace(view, live=self._live_items(view))
        self._view = replace(view, added=added[-1].number)
        if len(fresh) and self._early is not None:
            early, self._early = self._early, None
            self._follow(early)

    def _follow_events(self, newest: int) -> None:
        if self._view.pipeline.features.live is None or newest <= self._followed:
            return
        for frame in self._store.scan(self._followed, newest):
            self._follow(frame)
            self._advance(int(frame[AVAILABLE_AT][-1]))  # stamps rise with the sequence
        self._followed = newest

    def _advance(self, moment: int) -> int:
        with self._ticking:
            self._clock = max(self._clock, moment)
            return self._clock

    def _follow(self, frame: pl.DataFrame) -> None:
        view = self._view
        live = view.pipeline.features.live
        assert live is not None
        positions = view.pipeline.items.positions(frame[ITEM])
        codes = np.array([view.event_codes.get(name, -1) for name in frame[EVENT]], np.int16)
        known = (positions >= 0) & (codes >= 0)
        early = frame.filter((positions < 0) & (codes >= 0))
        if len(early):
            waiting = [early] if self._early is None else [self._early, early]
            self._early = pl.concat(waiting).tail(MAX_EARLY_EVENTS)
        context = (
            view.contexts.codes([from_text(text) for text in frame[CONTEXT]]) if view.contexts.names else None
        )
        live.add(
            positions[known],
            frame[AT].to_numpy()[known],
            codes[known],
            frame[VALUE].fill_null(np.nan).to_numpy()[known],
            users=self._numbers(frame[USER].filter(known)) if live.needs_users else None,
            context=None if context is None else context[known],
        )

    def _numbers(self, users: Iterable[str]) -> Rows:
        known = self._view.release.users
        return np.array([user_number(user, known) for user in users], np.int64)


def user_number(user: str, users: Users) -> int:
    """A number for ``user``: the row among ``users``, or one above all rows that is made from the key.

    Made rather than counted, so that unknown users take no memory and have the same number in every process. Two of
    them share one, and count as one, with a probability of one in two thousand million.
    """
    row = users.position(user)
    if row >= 0:
        return row
    digest = blake2b(user.encode(), digest_size=8).digest()
    return len(users) + int.from_bytes(digest) % (MAX_USER_NUMBER - len(users))
