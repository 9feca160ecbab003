"""Group commit: the writes of many callers become few transactions, each paying for one wait on the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """One thread that calls ``write`` with everything that was submitted since its last call.

    ``write`` answers one result per submission, and is also called with nothing every ``idle`` seconds.
    While it waits for the disk the next group gathers, so throughput grows with the number of callers.
    ``apart``: where a group fails, write each of its submissions alone, so that a bad one fails by itself.
    """

    def __init__(self, write: Callable[[list[T]], list[R]], *, idle: float, apart: bool = True) -> None:
        self._write = write
        self._idle = idle
        self._apart = apart
        self._queue: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, submission: T) -> Future[R]:
        """The future has the result once ``write`` returned, or the exception that it raised."""
        future: Future[R] = Future()
        self._queue.put((submission, future))
        return future

    def close(self) -> None:
        """Write what was submitted before this call, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            group: list[tuple[T, Future[R]]] = []
            try:
                entry = self._queue.get(timeout=self._idle)
                while entry is not None:
                    group.append(entry)
                    entry = self._queue.get_nowait()
                closing = True
            except Empty:
                pass
            self._commit(group)

    def _commit(self, group: list[tuple[T, Future[R]]]) -> None:
        try:
            results = self._write([submission for submission, _ in group])
        except Exception as error:
            if self._apart and len(group) > 1:
                for entry in group:
                    self._commit([entry])
            else:
                for _, future in group:
                    future.set_exception(error)
        else:
            for (_, future), result in zip(group, results, strict=True):
                future.set_result(result)
