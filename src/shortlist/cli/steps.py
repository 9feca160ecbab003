"""Long work, told step by step: what runs now, and how long each step took."""

from __future__ import annotations

from contextlib import ExitStack
from time import perf_counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from shortlist.base.progress import heard


class Steps:
    """A context in which calling it with a sentence ends the step before and starts the next one.

    It hears the details and notes of the work within.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._step = ""
        self._start = 0.0
        self._heard = ExitStack()

    def __call__(self, step: str) -> None:
        """Begin ``step``."""
        self._end("[green]✓[/green]")
        self._step, self._start = step, perf_counter()
        if self._console.is_terminal:
            self._status = self._console.status(f"[dim]{step} ...[/dim]", spinner="dots")
            self._status.start()

    def detail(self, text: str) -> None:
        """Show how far the step is, where there is a terminal."""
        if self._status is not None:
            self._status.update(f"[dim]{self._step}: {escape(text)} ...[/dim]")

    def note(self, text: str) -> None:
        """Keep what the step found out, indented under it."""
        for line in text.splitlines():
            self._console.print(f"      {line}", markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._heard.enter_context(heard(self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._heard.close()
        self._end("[green]✓[/green]" if kind is None else "[red]✗[/red]")

    def _end(self, mark: str) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._step:
            seconds = perf_counter() - self._start
            self._console.print(f"  {mark} {self._step} [dim]{seconds:.1f} s[/dim]", highlight=False)
            self._step = ""
