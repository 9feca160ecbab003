"""Progress of long work on a terminal, or in a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING

from shortlist.base.progress import Progress, Step

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

INTERVAL = 10.0  # seconds between lines where there are no bars
AMOUNTS = 42  # cells of a line for bar, amount and time
DETAIL = 16  # and for the detail; the name has the rest


class ProgressDisplay(Progress):
    """Shows steps as bars with the time left while they run, and as a line with their duration when they are done.

    Bars need a terminal; elsewhere a line every ``interval`` seconds has the state of the
    innermost step. Steps inside a step disappear when they end; notes stay.
    """

    def __init__(self, console: Console | None = None, interval: float = INTERVAL) -> None:
        from rich.console import Console

        self._console = console or Console(highlight=False)
        self._interval = interval
        self._bars: Bars | None = None
        self._running: list[_ShownStep] = []

    @contextmanager
    def step(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        """A step that lasts as long as the block."""
        with self._shown() if not self._running else nullcontext():
            step = _ShownStep(self, name, total, unit)
            self._running.append(step)
            mark = "[red]✗[/red]"
            try:
                yield step
                mark = "[green]✓[/green]"
            finally:
                self._running.remove(step)
                step.end()
                if not self._running:
                    self._print(f"  {mark} ", name, f" [dim]{step.seconds:.1f} s[/dim]")

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """While a step runs that is in no other: bars, or lines."""
        if self._console.is_terminal:
            with _bars(self._console) as self._bars:
                yield
            self._bars = None
        else:
            ended = Event()
            lines = Thread(target=self._print_lines, args=(ended,), daemon=True)
            lines.start()
            try:
                yield
            finally:
                ended.set()
                lines.join()

    def _print_lines(self, ended: Event) -> None:
        while not ended.wait(self._interval):
            if running := list(self._running):
                self._print("    ", f"{running[0].name}: {running[-1].state()}", "")

    def _print(self, before: str, text: str, after: str) -> None:
        from rich.markup import escape

        self._console.print(f"{before}{escape(text)}{after}", highlight=False, soft_wrap=True)

    def keep(self, text: str) -> None:
        """Print a note under the steps that are done."""
        for line in text.splitlines():
            self._console.print(f"      {line}", markup=False, highlight=False, soft_wrap=True)

    def begin(self, step: _ShownStep) -> TaskID | None:
        """The bar of ``step``, where there are bars."""
        if self._bars is None:
            return None
        indent = "  " * (len(self._running) + 1)
        return self._bars.add_task(f"{indent}{step.name}", total=step.total, unit=step.unit, detail="")

    @property
    def bars(self) -> Bars | None:
        """The bars of the running steps, where there are bars."""
        return self._bars


class _ShownStep(Step):
    def __init__(self, display: ProgressDisplay, name: str, total: float | None, unit: str) -> None:
        self.name, self.total, self.unit = name, total, unit
        self._display, self._start = display, perf_counter()
        self._done, self._detail = 0.0, ""
        self._task = display.begin(self)

    def advance(self, amount: float = 1.0) -> None:
        self._done += amount
        self._update(advance=amount)

    def detail(self, text: str) -> None:
        self._detail = text
        self._update(detail=text)

    def note(self, text: str) -> None:
        self._display.keep(text)

    @property
    def seconds(self) -> float:
        return perf_counter() - self._start

    def end(self) -> None:
        if self._task is not None and self._display.bars is not None:
            self._display.bars.remove_task(self._task)

    def state(self) -> str:
        """How far the step is, in words: what is done, how long it took, how long it will take."""
        parts = [self._detail] if self._detail else []
        if self.total:
            parts.append(f"{self._done:,.0f} of {self.total:,.0f} {self.unit}".rstrip())
        parts.append(f"{self.seconds:.0f} s")
        if self.total and 0 < self._done < self.total:
            parts.append(f"about {time_left(self.seconds, self._done, self.total):.0f} s left")
        return ", ".join(parts)

    def _update(self, **changes: object) -> None:
        if self._task is not None and self._display.bars is not None:
            self._display.bars.update(self._task, **changes)  # type: ignore[arg-type]


def time_left(seconds: float, done: float, total: float) -> float:
    """Seconds that the rest will take, at the mean pace so far."""
    return seconds * (total / done - 1)


def _bars(console: Console) -> Bars:
    """Columns: name, bar, amount, time left where a total is known, else time taken, detail."""
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column
    from rich.text import Text

    class Amount(ProgressColumn):
        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text("")
            return Text(f"{task.completed:,.0f}/{task.total:,.0f} {task.fields['unit']}", style="dim")

    class Time(ProgressColumn):
        def render(self, task: Task) -> Text:
            elapsed = task.elapsed or 0.0
            if task.total is None or not task.completed:
                return Text(f"{elapsed:.0f} s", style="dim")
            return Text(f"{time_left(elapsed, task.completed, task.total):.0f} s left", style="dim")

    def column(width: int) -> Column:
        return Column(no_wrap=True, overflow="ellipsis", max_width=width)

    names = max(24, console.width - AMOUNTS)
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=column(names)),
        BarColumn(bar_width=12),
        Amount(Column(no_wrap=True)),
        Time(Column(no_wrap=True)),
        TextColumn(
            "{task.fields[detail]}",
            style="dim",
            markup=False,
            table_column=column(DETAIL),
        ),
        console=console,
        transient=True,
        refresh_per_second=4,
    )
