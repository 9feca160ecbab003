"""What a store of accepted events promises, whatever keeps it: a SQLite file, or a server of many nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import polars as pl


class AcceptedEvent(NamedTuple):
    """One event as a server accepts it, its fields in the order of ``columns.EVENTS``."""

    event_id: str
    event: str
    user: str
    item: str
    at: int  # microseconds since the epoch
    value: float | None = None
    context: Mapping[str, str] | None = None  # name -> word, kept as one JSON text


class Exposure(NamedTuple):
    """What one answer showed."""

    request: str
    release: int
    kind: str  # recommend, similar or rank
    user: str | None  # nobody asked: similar items
    at: int  # microseconds since the epoch
    items: tuple[str, ...]  # in slate order


class AddedItem(NamedTuple):
    """An item that came to a server, after the catalogue was read."""

    number: int  # grows with every arrival
    item: str
    attributes: str  # JSON


class StoreState(NamedTuple):
    """What a request needs of the store, all of one moment."""

    events: list[list[AcceptedEvent]]  # of each user, as ``EventStore.recent`` gives them
    forgotten: list[int]  # of each user, as ``EventStore.forgotten`` gives it
    deletions: int  # as ``EventStore.deletion_count`` gives it


class EventStore(Protocol):
    """Accepted events, deleted items and exposures of one system, shared by all its server processes.

    Every event gets a sequence number. Numbers only grow, and who sees a number sees all below it, so "the
    log up to a number" means the same to everybody: a release carries one as its watermark.
    Every event is stamped when it is accepted (``columns.AVAILABLE_AT``); the stamps grow with the numbers, each
    event has its own, also when the clock stands still or steps back. Every method may raise StoreError.

    The store keeps events until ``trim`` says that they lie in the log and no release needs them here; it
    remembers their ids for ever.
    """

    exposures_dropped: int  # exposures that this process could not keep

    def submit(self, events: Sequence[AcceptedEvent]) -> Future[list[bool]]:
        """Accept ``events``: all of them are durable, or none is, when the future has its result.

        The result says of each event whether it is new (True) or its ``event_id`` was seen before (False);
        an event seen before changes nothing.
        """

    def accept(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """``submit`` and wait."""

    def read_state(self, users: Sequence[str], after: int) -> StoreState:
        """Everything that a request of ``users`` needs, in one question to the store and from one moment.

        ``after``: a sequence; events up to it are left out. With no users it answers ``deletion_count`` alone.
        """

    def recent(self, user: str, after: int) -> list[AcceptedEvent]:
        """The events of ``user`` with a sequence above ``after``, ordered by (at, sequence).

        Sees every event that any process had accepted before the call, and was not trimmed.
        """

    def scan(self, after: int = 0, upto: int | None = None) -> Iterator[pl.DataFrame]:
        """Events with ``after`` < sequence <= ``upto`` (None: all) in order of sequence, in batches.

        Frames have the columns ``columns.EVENTS`` and AVAILABLE_AT.
        """

    def sequence(self) -> int:
        """The newest sequence, whether its event is still here or not; 0 before the first."""

    def trim(self, upto: int) -> None:
        """Let go of the events up to ``upto``. Their ids are remembered: sent again, they change nothing."""

    def forget(self, user: str) -> None:
        """Delete every event and exposure of ``user``. Durable.

        The ids of their events are remembered as numbers, so that one that is sent again does not come back.
        What they do from now on counts as anybody's.
        """

    def forgotten(self, user: str) -> int:
        """A sequence: what was learned of ``user`` with a lower watermark must not be used. 0: never forgotten."""

    def add_item(self, item: str, attributes: str) -> int:
        """Keep an item with its attributes (JSON) for every server and every training; its number. Durable.

        One that came before is kept again: the newest counts.
        """

    def added_items(self, after: int = 0) -> list[AddedItem]:
        """What ``add_item`` kept with a number above ``after``, in order."""

    def delete_item(self, item: str) -> None:
        """Take ``item`` (known to a catalogue or not) out of every slate until it is restored. Durable."""

    def restore_item(self, item: str) -> None:
        """Undo ``delete_item``. Durable."""

    def deleted_items(self) -> set[str]:
        """The items that are deleted now."""

    def deletion_count(self) -> int:
        """A number that grows with every change of ``deleted_items``: cheap enough to ask before each answer."""

    def expose(self, exposure: Exposure) -> None:
        """Note what an answer showed; never blocks, written with the next commit.

        A process that dies loses the exposures of its last moments; one that gets more than it can write
        drops the newest and counts them in ``exposures_dropped``.
        """

    def exposures(self) -> Iterator[pl.DataFrame]:
        """All exposures in batches, one row per shown item.

        Columns: request, release, kind, user, at, item and place (in the slate, from 1).
        """

    def expire(self, before: int) -> None:
        """Delete the exposures of answers before the moment ``before`` (microseconds)."""

    def close(self) -> None:
        """Write what is pending and let go of the store."""
