"""How far long work has come: reported from wherever it happens to whatever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Step:
    """One step of long work, while it runs. This one shows nothing."""

    def advance(self, amount: float = 1.0) -> None:
        """``amount`` more of the step's total is done."""

    def detail(self, text: str) -> None:
        """What is being done just now; the next detail replaces it."""

    def note(self, text: str) -> None:
        """A finding worth keeping in sight after the step."""


class Progress:
    """Shows steps. This one is silent; a terminal, a notebook and a log have their own.

    Steps may nest: a step begun inside another is part of it.
    """

    @contextmanager
    def step(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Step]:  # noqa: ARG002
        """A step that lasts as long as the block; ``total`` in ``unit`` makes time left known."""
        yield Step()


SILENT = Progress()


class Listener(Protocol):
    """Shows what is told."""

    def detail(self, text: str) -> None:
        """How far the step is; the next detail replaces it."""

    def note(self, text: str) -> None:
        """What a step found out, to be kept in sight."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def heard(by: Listener) -> Iterator[None]:
    """What is told within goes to ``by``."""
    token = _listener.set(by)
    try:
        yield
    finally:
        _listener.reset(token)


def detail(text: str) -> None:
    """Tell how far the step is, if anybody listens."""
    if (listener := _listener.get()) is not None:
        listener.detail(text)


def note(text: str) -> None:
    """Tell what a step found out, if anybody listens."""
    if (listener := _listener.get()) is not None:
        listener.note(text)
