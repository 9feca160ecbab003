"""How far long work has come: reported from wherever it happens to whatever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
