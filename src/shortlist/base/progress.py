"""How far long work has come, told from wherever it happens to whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


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
