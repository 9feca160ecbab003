"""One call of a use case: its id, when it began, and what is left to do after the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from shortlist.pipeline.slate import Stage


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass
class Call:
    """Made by an interface that has an id or a beginning of its own; else a use case makes its own.

    Who passes one in calls ``finish`` once the answer is out: exposures and counters do not delay it.
    """

    request_id: str = field(default_factory=_new_id)
    began: float = field(default_factory=perf_counter)  # seconds, of time.perf_counter
    stages: list[Stage] = field(default_factory=list)  # so far, the interface's own included
    _deferred: list[Callable[[], None]] = field(default_factory=list)
    _mark: float | None = None

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the call began."""
        return (perf_counter() - self.began) * 1000

    def stage(self, name: str, before: int = 0, after: int = 0) -> None:
        """All time since the last stage, or since the beginning, was the stage ``name``."""
        now = perf_counter()
        start = self.began if self._mark is None else self._mark
        self.stages.append(Stage(name, before, after, (now - start) * 1000))
        self._mark = now

    def path(self, stages: tuple[Stage, ...]) -> None:
        """The stages of the request path, which have just ended."""
        self.stages += stages
        self._mark = perf_counter()

    def defer(self, work: Callable[[], None]) -> None:
        """Do ``work`` after the answer."""
        self._deferred.append(work)

    def finish(self) -> None:
        """Do what was deferred."""
        deferred, self._deferred = self._deferred, []
        for work in deferred:
            work()
