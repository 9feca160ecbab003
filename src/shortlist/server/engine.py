"""What a server does, without the web: the release in service, joined with what happened since then."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, EVENT, ITEM, USER, VALUE
from shortlist.base.contexts import Contexts, from_text
from shortlist.base.errors import InvalidRequestError, NotFoundError, UnavailableError
from shortlist.base.histories import Histories
from shortlist.base.items import PICTURES, Items
from shortlist.base.queries import Queries, Ragged, SearchQuery
from shortlist.base.types import Mask, Picture, Positions, Rows
from shortlist.data.log.added_items import checked, rows
from shortlist.pipeline.explain import explain
from shortlist.pipeline.explanation import Explanation
from shortlist.pipeline.path import Pipeline
from shortlist.pipeline.release import Release
from shortlist.pipeline.slate import Slates
from shortlist.storage.releases import ReleaseFacts
from shortlist.storage.store import AcceptedEvent, EventStore
from shortlist.vision.images.album import Album


@dataclass
class ActiveRelease:
    """A release in service. Requests hold on to the one they began with."""

    facts: ReleaseFacts
    release: Release
    codes: Mapping[str, int]  # event name -> code
    unknown_users: dict[str, int] = field(
        default_factory=dict
    )  # numbers of users whom the release does not know
    arrived: int = 0  # the number of the newest item that came to a server and is in this catalogue
    followed: int = 0  # the store's sequence up to which the features of items know what happened
    clock: int = 0  # the newest moment that was asked or became known: no request is asked before it
    state: tuple[int, Mask | None] = (0, None)  # the store's count of deletions, and the items that it leaves

    @property
    def live(self) -> Mask | None:
        """Items that are not deleted, bool[items]; None: all."""
        return self.state[1]

    @property
    def pipeline(self) -> Pipeline:
        """The request path of the release."""
        return self.release.pipeline

    @property
    def contexts(self) -> Contexts:
        """What events and requests may say."""
        return self.pipeline.features.facts.contexts

    def numbers(self, users: Iterable[str]) -> Rows:
        """A number for each user: the row of the release's histories, or one above all rows."""
        rows, unknown_users = self.release.users, self.unknown_users
        return np.array(
            [
                rows[user] if user in rows else unknown_users.setdefault(user, len(rows) + len(unknown_users))
                for user in users
            ],
            np.int64,
        )


@dataclass(frozen=True)
class Answer:
    """A slate and the release it came from."""

    active: ActiveRelease
    slates: Slates  # one row
    left_out: Mapping[str, str] = field(default_factory=dict)  # given item -> why it is not in the slate


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


class Engine:
    """Answers from the release in service and the store. Methods may run in many threads at once.

    Everything raises UnavailableError as long as no release serves, and StoreError where the store fails.
    """

    def __init__(self, store: EventStore, pictures: Path | None = None) -> None:
        """``pictures``: the folder of the home's album; None: no pictures can be taken in."""
        self.store = store
        self._album_folder = pictures
        self._active: ActiveRelease | None = None

    @property
    def serves(self) -> bool:
        """Is there a release in service?"""
        return self._active is not None

    @property
    def active(self) -> ActiveRelease:
        """The release in service, with deletions as they are now."""
        active = self._active
        if active is None:
            raise UnavailableError(
                "no release serves yet: train and publish one, and this server takes it up"
            )
        changes = self.store.deletion_count()
        if changes != active.state[0]:
            gone = active.pipeline.items.positions(self.store.deleted_items())
            live = np.ones(len(active.pipeline.items), bool)
            live[gone[gone >= 0]] = False
            active.state = (changes, live)
        return active

    def swap(self, facts: ReleaseFacts, release: Release) -> None:
        """Serve ``release`` from the next request on, after it answered two trial requests.

        Whatever the trial raises leaves the old release in service.
        """
        codes = {name: code for code, name in enumerate(release.pipeline.events)}
        trial = Queries(Histories.empty(1), np.array([now()]))
        release.pipeline.recommend(trial, 1)
        if len(release.pipeline.items):
            release.pipeline.recommend(Queries(Histories.from_lists([[0]]), trial.at), 1)
        known = release.histories.available_at
        clock = int(trial.at[0]) if known is None else max(int(trial.at[0]), int(known.max(initial=0)))
        active = ActiveRelease(facts, release, codes, followed=release.watermark, clock=clock)
        active = self._with_arrivals(active)
        self._follow(active)
        self._active = active

    def follow(self) -> None:
        """Take in the items that came since the last call, and tell their features what was accepted, by whatever
        process.
        """
        before = self._active
        if before is None:
            return
        active = self._with_arrivals(before)
        self._follow(active)
        if active is not before:
            self._active = active

    def _with_arrivals(self, active: ActiveRelease) -> ActiveRelease:
        """The same release with the items that came since; itself where none did."""
        came = self.store.added_items(active.arrived)
        if not came:
            return active
        items = active.pipeline.items
        fresh = rows(items.table, came)
        if len(fresh):
            items = Items(items.table, self.album if PICTURES in fresh.dtypes else None)
            release = active.release.with_new_items(items.extended(fresh))
            active = ActiveRelease(
                active.facts, release, active.codes, followed=release.watermark, clock=active.clock
            )
        active.arrived = came[-1].number
        return active

    @cached_property
    def album(self) -> Album:
        """The pictures of the home. Raises UnavailableError where there are none."""
        if self._album_folder is None:
            raise UnavailableError("this server has no place for pictures")
        return Album(self._album_folder)

    def add_item(self, item: str, attributes: Mapping[str, Any], pictures: Sequence[str] = ()) -> bool:
        """Take in an item that the catalogue does not list, with pictures by their hashes; is it new?

        Durable when this returns, found by searches of all processes soon after. An item that is listed keeps
        what it has, and is not deleted any more. Raises InvalidRequestError that names the field.
        """
        table = self.active.pipeline.items.table
        told = dict(attributes)
        if pictures:
            columns = [name for name, kind in table.schema.items() if kind == PICTURES]
            if len(columns) != 1:
                raise InvalidRequestError(
                    "pictures", f"items have {len(columns)} attributes of pictures, not one"
                )
            told[columns[0]] = list(pictures)
        stored = checked(table, told)
        is_new = bool(self.active.pipeline.items.positions([item])[0] < 0)
        if is_new:
            self.store.add_item(item, stored)
        self.store.restore_item(item)
        return is_new

    def search(
        self,
        n: int,
        *,
        picture: Picture | None = None,
        item: str | None = None,
        words: str = "",
        where: Mapping[str, Any] | None = None,
    ) -> Answer:
        """What is like ``picture`` or ``item``, and says ``words``; ``item`` itself is left out. NotFoundError."""
        active = self.active
        anchor = -1 if item is None else _position(active, item)
        search_query = SearchQuery.from_parts([picture], [words], [anchor])
        queries = Queries(Histories.empty(1), np.array([max(now(), active.clock)]), None, search_query)
        live = _without(active, np.array([anchor], np.int32))
        return Answer(active, active.pipeline.recommend(queries, n, where=where, live=live))

    def _follow(self, active: ActiveRelease) -> None:
        live, items = active.pipeline.features.live, active.pipeline.items
        newest = self.store.sequence()
        if live is None or newest == active.followed:
            return
        for frame in self.store.scan(active.followed, newest):
            positions = items.positions(frame[ITEM])
            codes = np.array([active.codes.get(name, -1) for name in frame[EVENT]], np.int16)
            known = (positions >= 0) & (codes >= 0)
            values = frame[VALUE].fill_null(np.nan).to_numpy()
            said = (
                active.contexts.codes([from_text(text) for text in frame[CONTEXT]])
                if active.contexts.names
                else None
            )
            live.add(
                positions[known],
                frame[AT].to_numpy()[known],
                codes[known],
                values[known],
                users=active.numbers(frame[USER].filter(known)) if live.tells_users_apart else None,
                context=None if said is None else said[known],
            )
            active.clock = max(active.clock, int(frame[AVAILABLE_AT][-1]))  # stamps grow
        active.followed = newest

    def recommend(
        self,
        user: str,
        n: int,
        *,
        where: Mapping[str, Any] | None = None,
        exclude: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
    ) -> Answer:
        """The slate of ``user``, without the items ``exclude`` (unknown ones do not matter).

        ``context`` is what the request says of itself (see ``Event.context``): InvalidRequestError where a name is
        not declared; a word that the log had not counts as unsaid.
        """
        active = self.active
        live = _without(active, active.pipeline.items.positions(exclude))
        queries = self._queries(active, user, context)
        return Answer(active, active.pipeline.recommend(queries, n, where=where, live=live))

    def similar(
        self,
        item: str,
        n: int,
        *,
        where: Mapping[str, Any] | None = None,
        context: Mapping[str, str] | None = None,
    ) -> Answer:
        """Items for somebody who did nothing but see ``item``, which itself is left out. NotFoundError."""
        active = self.active
        anchor = _position(active, item)
        said = active.contexts.encode_request(context)
        queries = Queries(Histories.from_lists([[anchor]], at=[[now() - 1]]), np.array([now()]), said)
        live = _without(active, np.array([anchor], np.int32))
        return Answer(active, active.pipeline.recommend(queries, n, where=where, live=live))

    def rank(self, user: str, items: Sequence[str], *, context: Mapping[str, str] | None = None) -> Answer:
        """The given ``items`` that are known, not deleted and not filtered, best first for ``user``."""
        active = self.active
        positions = active.pipeline.items.positions(items)
        known = np.unique(positions[positions >= 0])
        given = Ragged(np.array([0, len(known)]), known)
        slates = active.pipeline.rank(self._queries(active, user, context), given, live=active.live)
        left_out = {
            item: _why_not(active, position)
            for item, position in zip(items, positions.tolist(), strict=True)
            if position not in set(slates.items.tolist())
        }
        return Answer(active, slates, left_out)

    def explain(
        self, user: str, items: Sequence[str], n: int, *, context: Mapping[str, str] | None = None
    ) -> tuple[ActiveRelease, list[Explanation]]:
        """Why each of ``items`` is in the slate of ``n`` for ``user``, or why not. NotFoundError."""
        active = self.active
        positions = np.array([_position(active, item) for item in items], np.int32)
        queries = self._queries(active, user, context)
        return active, explain(active.pipeline, queries, positions, n, live=active.live)

    def history(self, active: ActiveRelease, user: str) -> Histories:
        """Everything ``user`` did to items of the catalogue, one row, oldest first."""
        past = active.release.history(user)
        if len(past.items) and self.store.forgotten(user) > active.release.watermark:
            past = Histories.empty(1)
        recent = self.store.recent(user, active.release.watermark)
        items = active.pipeline.items.positions(event.item for event in recent)
        codes = [active.codes.get(event.event, -1) for event in recent]
        newer = [
            (item, code, event)
            for item, code, event in zip(items.tolist(), codes, recent, strict=True)
            if item >= 0 and code >= 0
        ]
        return _continued(past, newer, active.contexts) if newer else past

    def item(self, key: str) -> tuple[ActiveRelease, int]:
        """The release in service and the position of the item ``key`` in it. NotFoundError."""
        active = self.active
        return active, _position(active, key)

    def _queries(self, active: ActiveRelease, user: str, context: Mapping[str, str] | None = None) -> Queries:
        """One row: ``user``, now, in a context. Events of clocks that run ahead are not hidden from their own author.

        A clock that stepped back is not believed: a request comes after all that is known and was asked.
        """
        said = active.contexts.encode_request(context)
        history = replace(self.history(active, user), users=np.array([user]))
        newest = int(history.at[-1]) + 1 if len(history.at) else 0
        active.clock = max(now(), newest, active.clock)
        return Queries(history, np.array([active.clock]), said)


def _continued(past: Histories, newer: list[tuple[int, int, AcceptedEvent]], contexts: Contexts) -> Histories:
    """The one row ``past`` with newer (item, code, event), sorted by time; ties in order of arrival."""
    items, codes, events = zip(*newer, strict=True)
    moments = np.concatenate([past.at, np.array([event.at for event in events], np.int64)])
    values = [np.nan if event.value is None else event.value for event in events]
    order = np.argsort(moments, kind="stable")
    said = contexts.codes([*[None] * len(past.items), *(event.context for event in events)])
    if said is not None and past.context is not None:
        said[: len(past.items)] = past.context
    return Histories(
        offsets=np.array([0, len(order)]),
        items=np.concatenate([past.items, np.array(items, np.int32)])[order],
        at=moments[order],
        event=np.concatenate([past.event, np.array(codes, np.int16)])[order],
        value=np.concatenate([past.value, np.array(values, np.float32)])[order],
        context=None if said is None else said[order],
    )


def _position(active: ActiveRelease, item: str) -> int:
    position = int(active.pipeline.items.positions([item])[0])
    if position < 0:  # no hint: to compare a key with a whole catalogue takes longer than a request may
        raise NotFoundError(f"no item {item!r} in the catalogue of release {active.facts.number}")
    return position


def _without(active: ActiveRelease, positions: Positions) -> Mask | None:
    """The live items but for ``positions``, of which -1 means nothing."""
    positions = positions[positions >= 0]
    if not len(positions):
        return active.live
    live = np.ones(len(active.pipeline.items), bool) if active.live is None else active.live.copy()
    live[positions] = False
    return live


def _why_not(active: ActiveRelease, position: int) -> str:
    if position < 0:
        return "unknown item"
    if active.live is not None and not active.live[position]:
        return "deleted"
    return "filtered"
