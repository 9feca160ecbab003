"""Long work, told step by step: what runs now, and how long each step took."""

from __future__ import annotations

from time import perf_counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status


class Steps:
    """A context in which calling it with a sentence ends the step before and starts the next one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._step = ""
        self._start = 0.0

    def __call__(self, step: str) -> None:
        """Begin ``step``."""
        self._end("[green]✓[/green]")
        self._step, self._start = step, perf_counter()
        if self._console.is_terminal:
            self._status = self._console.status(f"[dim]{step} ...[/dim]", spinner="dots")
            self._status.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._end("[green]✓[/green]" if kind is None else "[red]✗[/red]")

    def _end(self, mark: str) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._step:
            seconds = perf_counter() - self._start
            self._console.print(f"  {mark} {self._step} [dim]{seconds:.1f} s[/dim]", highlight=False)
            self._step = ""
