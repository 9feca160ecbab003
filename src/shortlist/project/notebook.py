"""Progress in a notebook: one area below the cell, with a bar for every step that runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from time import perf_counter
from typing import Any

from shortlist.base.progress import Progress, Step
from shortlist.project.progress import time_left

INTERVAL = 0.2  # seconds between updates


def in_notebook() -> bool:
    """Whether this code runs in the kernel of a notebook."""
    return hasattr(_shell(), "kernel")


def _shell() -> Any:
    """IPython's shell; None outside of one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


class NotebookProgress(Progress):
    """Shows steps as bars while they run, and as lines with their duration when they are done; one area for each cell.

    Steps inside a step disappear when they end; notes stay. Needs nothing but IPython: browsers draw the bars.
    """

    def __init__(self) -> None:
        self._cell: int | None = None  # whose steps are shown
        self._area: Any = None  # its display
        self._done: list[str] = []
        self._running: list[_ShownStep] = []
        self._updated = 0.0

    @contextmanager
    def step(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        """A step that lasts as long as the block."""
        cell = getattr(_shell(), "execution_count", None)
        if not self._running and cell != self._cell:
            self._cell, self._area, self._done = cell, None, []
        step = _ShownStep(self, name, total, unit)
        self._running.append(step)
        self.show(now=True)
        mark = "✗"
        try:
            yield step
            mark = "✓"
        finally:
            self._running.remove(step)
            if not self._running:
                self._done.append(f"<div>{mark} {escape(name)} <small>{step.seconds:.1f} s</small></div>")
            self.show(now=True)

    def keep(self, text: str) -> None:
        """Show a note under the steps that are done."""
        self._done += [f"<div style='padding-left:2em'>{escape(line)}</div>" for line in text.splitlines()]
        self.show(now=True)

    def show(self, *, now: bool = False) -> None:
        """Bring the area up to date; unless ``now``, only where the last time is a while ago."""
        if not now and perf_counter() - self._updated < INTERVAL:
            return
        from IPython.display import HTML, display

        self._updated = perf_counter()
        bars = [step.html(depth) for depth, step in enumerate(self._running)]
        content = HTML("".join([*self._done, *bars]))
        if self._area is None:
            self._area = display(content, display_id=True)
        else:
            self._area.update(content)


class _ShownStep(Step):
    def __init__(self, progress: NotebookProgress, name: str, total: float | None, unit: str) -> None:
        self._progress, self._name, self._total, self._unit = progress, name, total, unit
        self._start, self._amount, self._detail = perf_counter(), 0.0, ""

    def advance(self, amount: float = 1.0) -> None:
        self._amount += amount
        self._progress.show()

    def detail(self, text: str) -> None:
        self._detail = text
        self._progress.show()

    def note(self, text: str) -> None:
        self._progress.keep(text)

    @property
    def seconds(self) -> float:
        return perf_counter() - self._start

    def html(self, depth: int) -> str:
        """A bar (a moving one where no total is known), what is done, and the time left."""
        facts = [self._detail] if self._detail else []
        value = ""
        if self._total:
            value = f" value='{self._amount:g}' max='{self._total:g}'"
            facts.append(f"{self._amount:,.0f} of {self._total:,.0f} {self._unit}".rstrip())
        if self._total and 0 < self._amount < self._total:
            facts.append(f"{time_left(self.seconds, self._amount, self._total):.0f} s left")
        return (
            f"<div style='padding-left:{2 * depth}em'><progress{value} style='width:12em'></progress> "
            f"{escape(self._name)} <small>{escape(', '.join(facts))}</small></div>"
        )
