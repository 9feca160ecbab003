"""The contract of event stores: a SQLite file of one host, or a server shared by many nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import polars as pl


class AcceptedEvent(NamedTuple):
    """An event as a server accepts it, fields in the order of ``columns.EVENTS``."""

    event_id: str
    event: str
    user: str
    item: str
    at: int  # microseconds since the epoch
    value: float | None = None
    context: Mapping[str, str] | None = None  # name -> value, kept as one JSON text


class Exposure(NamedTuple):
    """The slate of one answer."""

    request: str
    release: int
    kind: str  # recommend, similar or rank
    user: str | None  # None: similar items
    at: int  # microseconds since the epoch
    items: tuple[str, ...]  # in slate order


class AddedItem(NamedTuple):
    """An item added through a server, beyond the catalogue."""

    number: int  # grows with every item added
    item: str
    attributes: str  # JSON


class StoreState(NamedTuple):
    """What a request needs of the store, as of one moment."""

    events: list[list[AcceptedEvent]]  # of each user, ordered by (at, sequence)
    forgotten: list[int]  # of each user: releases with a lower watermark must not be used; 0: never forgotten
    deletions: int  # as ``EventStore.deletion_count`` gives it


class EventStore(Protocol):
    """Accepted events, deleted items and exposures of one system, shared by all its server processes.

    Every event gets a sequence number. Sequences only grow, and a reader that sees one sees all below it, so "the
    log up to a sequence" is well defined: a release carries one as its watermark.
    Every event is stamped when it is accepted (``columns.AVAILABLE_AT``); stamps are strictly increasing in the
    sequence, also when the clock stands still or steps back. Every method may raise StoreError.

    Events stay until ``trim``, once they are in the log and no release needs them here; their ids are remembered
    for ever.
    """

    exposures_dropped: int  # of this process, by overload or failure

    def submit(self, events: Sequence[AcceptedEvent]) -> Future[list[bool]]:
        """Accept ``events``: all of them are durable, or none is, when the future has its result.

        The result is, for each event, whether it is new; one whose ``event_id`` was accepted before is ignored.
        """

    def accept(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """``submit`` and wait."""

    def read_state(self, users: Sequence[str], after: int) -> StoreState:
        """All that a request for ``users`` needs, in one round trip: recent events, forgetting, deletions.

        Events have a sequence above ``after``, and are all that any process had accepted before the call and were
        not trimmed. Without users only the count of deletions is read.
        """

    def scan(self, after: int = 0, upto: int | None = None) -> Iterator[pl.DataFrame]:
        """Events with ``after`` < sequence <= ``upto`` (None: all) in order of sequence, in batches.

        Frames have the columns ``columns.EVENTS`` and AVAILABLE_AT.
        """

    def sequence(self) -> int:
        """The newest sequence, whether or not its event is still here; 0 before the first."""

    def trim(self, upto: int) -> None:
        """Drop the events up to ``upto``. Their ids are remembered: sent again, they are ignored."""

    def forget(self, user: str) -> None:
        """Delete every event and exposure of ``user``. Durable.

        The ids of the events are remembered as hashes, so that none comes back when it is sent again. Later events
        of the user are accepted like any others.
        """

    def add_item(self, item: str, attributes: str) -> int:
        """Add an item with its attributes (JSON) for every server and every training; its number. Durable.

        An item that was added before is added again: the newest counts.
        """

    def added_items(self, after: int = 0) -> list[AddedItem]:
        """The items added with a number above ``after``, in order."""

    def delete_item(self, item: str) -> None:
        """Keep ``item``, whether or not it is in a catalogue, out of every slate until it is restored. Durable."""

    def restore_item(self, item: str) -> None:
        """Undo ``delete_item``. Durable."""

    def deleted_items(self) -> set[str]:
        """The items that are deleted now."""

    def deletion_count(self) -> int:
        """A number that grows with every change of ``deleted_items``; cheap enough to be read for each request."""

    def expose(self, exposure: Exposure) -> None:
        """Log what an answer showed; never blocks, written with the next commit.

        A process that dies loses the exposures of its last moments; under overload the newest are dropped and
        counted in ``exposures_dropped``.
        """

    def exposures(self) -> Iterator[pl.DataFrame]:
        """All exposures in batches, one row per shown item.

        Columns: request, release, kind, user, at, item and place (in the slate, from 1).
        """

    def expire(self, before: int) -> None:
        """Delete the exposures of answers before the moment ``before`` (microseconds)."""

    def close(self) -> None:
        """Write what is pending and close the store."""
