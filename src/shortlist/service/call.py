"""One call of a use case: its id, its trace, and what is left to do after the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from shortlist.pipeline.slate import Stage


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass
class Call:
    """Made by an interface that has a request id or a start time of its own; otherwise a use case makes one.

    The trace is gapless: every moment from ``began`` to the end of the last stage belongs to one stage. An
    interface that passes a call in also calls ``finish`` once the answer is out, so that exposures and counters do
    not delay it.
    """

    request_id: str = field(default_factory=_new_id)
    began: float = field(default_factory=perf_counter)  # seconds, of time.perf_counter
    stages: list[Stage] = field(default_factory=list, init=False)
    _end: float = field(init=False)  # of the last stage
    _deferred: list[Callable[[], None]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._end = self.began

    @property
    def took_ms(self) -> float:
        """Milliseconds from the beginning to the end of the last stage, which is the sum of all stages."""
        return (self._end - self.began) * 1000

    def stage(self, name: str) -> None:
        """End the stage ``name``, which began where the last one ended."""
        now = perf_counter()
        self.stages.append(Stage(name, 0, 0, (now - self._end) * 1000))
        self._end = now

    def path(self, stages: Sequence[Stage]) -> None:
        """Add the stages of the request path as it timed them; what lies between counts for the stage that follows."""
        self.stages += stages
        self._end += sum(stage.ms for stage in stages) / 1000

    def defer(self, work: Callable[[], None]) -> None:
        """Do ``work`` after the answer."""
        self._deferred.append(work)

    def finish(self) -> None:
        """Do what was deferred."""
        deferred, self._deferred = self._deferred, []
        for work in deferred:
            work()
