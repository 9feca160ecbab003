"""Base of event stores: events of all callers and waiting exposures are written by one thread in groups."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from shortlist.storage.group_commit import GroupCommit
from shortlist.storage.store import AcceptedEvent, Exposure, StoreState

P = TypeVar("P")

_FLUSH = 0.2  # seconds after which exposures are written even where no event comes
_PENDING = 10_000  # exposures kept in memory at most: about 30 s of a busy worker's answers


class GroupCommitStore(ABC, Generic[P]):
    """The writing half of an EventStore. Batches are prepared (``P``) by their callers, written together.

    ``apart``: try the batches of a group that failed one by one.
    """

    def __init__(self, *, apart: bool) -> None:
        self.exposures_dropped = 0
        self._pending: deque[Exposure] = deque()
        self._group: GroupCommit[P, list[bool]] = GroupCommit(self._write_group, idle=_FLUSH, apart=apart)

    @abstractmethod
    def _prepare(self, events: Sequence[AcceptedEvent]) -> P:
        """What ``_write`` needs of a batch; raises ValueError where it cannot be stored."""

    @abstractmethod
    def _write(self, batches: list[P], exposures: list[Exposure]) -> list[list[bool]]:
        """Make all of it durable; for each event of each batch, whether it is new."""

    @abstractmethod
    def read_state(self, users: Sequence[str], after: int) -> StoreState:
        """See EventStore."""

    def deletion_count(self) -> int:
        """See EventStore."""
        return self.read_state((), 0).deletions

    def submit(self, events: Sequence[AcceptedEvent]) -> Future[list[bool]]:
        """See EventStore."""
        try:
            return self._group.submit(self._prepare(events))
        except ValueError as error:
            refused: Future[list[bool]] = Future()
            refused.set_exception(error)
            return refused

    def accept(self, events: Sequence[AcceptedEvent]) -> list[bool]:
        """See EventStore."""
        return self.submit(events).result()

    def expose(self, exposure: Exposure) -> None:
        """See EventStore."""
        if len(self._pending) < _PENDING:
            self._pending.append(exposure)
        else:
            self.exposures_dropped += 1

    def close(self) -> None:
        """See EventStore."""
        self._group.close()

    def _write_group(self, batches: list[P]) -> list[list[bool]]:
        exposures = [self._pending.popleft() for _ in range(len(self._pending))]
        if not batches and not exposures:
            return []
        try:
            return self._write(batches, exposures)
        except BaseException:
            self.exposures_dropped += len(exposures)
            raise
