"""The form that all benchmarks share: options, claims with their bars, tables, JSON.

A benchmark is a function that measures, and this at the end of its file::

    def options(parser: ArgumentParser) -> None:
        parser.add_argument("--items", type=int, default=100_000)

    def measure(report: Report, options: Namespace) -> None:
        report.sizes["items"] = options.items
        times = interleaved({"ours": ours, "polars": bare}, repeats=5)
        report.row(reader="ours", seconds=median(times["ours"]))
        report.claim("rows per second, to bare Polars", ratio(times, "polars", "ours"), "x", at_least=0.5)

    if __name__ == "__main__":
        sys.exit(run("ingest", measure, options=options, about=__doc__))

It gets ``--json`` (one object on stdout and nothing else), ``--quick`` (``options.quick``: smaller sizes,
under a minute, and the output says so) and ``--keep`` (the tables go to ``benchmarks/results/NAME.md``, from a
tree without uncommitted changes only). The exit status is 1 when a claim does not hold.
"""

from __future__ import annotations

import json
import math
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

FOLDER = Path(__file__).parent
PACKAGES = (
    "numpy",
    "scipy",
    "polars",
    "scikit-learn",
    "catboost",
    "implicit",
    "litestar",
    "uvicorn",
    "msgspec",
)

Options = Callable[[ArgumentParser], None]


@dataclass(frozen=True)
class Claim:
    """A measured value. ``bar`` is what is demanded of it (``">= 0.5"``), None where nothing is."""

    claim: str
    value: float
    unit: str
    bar: str | None
    holds: bool


@dataclass
class Report:
    """The result of one run: a measuring function fills it in."""

    benchmark: str
    sizes: dict[str, Any] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def claim(
        self,
        claim: str,
        value: float,
        unit: str = "",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """State ``value``, with at most one bar. A NaN is under every bar."""
        if at_least is not None and at_most is not None:
            raise ValueError(f"{claim!r} has two bars: make it two claims")
        bar, holds = None, True
        if at_least is not None:
            bar, holds = f">= {at_least:g}", value >= at_least
        if at_most is not None:
            bar, holds = f"<= {at_most:g}", value <= at_most
        self.claims.append(Claim(claim, _plain(value), unit, bar, bool(holds)))

    def row(self, **cells: Any) -> None:
        """Add a row to the table; rows may differ in their columns."""
        self.rows.append({name: _plain(cell) for name, cell in cells.items()})

    def progress(self, text: str) -> None:
        """Show on stderr what is being done."""
        Console(stderr=True, highlight=False).print(text, style="dim", markup=False)

    @property
    def failed(self) -> list[str]:
        """The claims that do not hold."""
        return [claim.claim for claim in self.claims if not claim.holds]


def run(
    name: str,
    measure: Callable[[Report, Namespace], None],
    *,
    options: Options | None = None,
    about: str | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run a benchmark from the command line and print its report; the exit status.

    ``about`` is the help text; ``argv`` replaces the command line (for tests).
    """
    parser = ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=(about or "").strip().split("\n")[0]
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under a minute")
    parser.add_argument(
        "--keep", action="store_true", help="write the tables to benchmarks/results, from a clean tree"
    )
    if options:
        options(parser)
    parsed = parser.parse_args(argv)
    if parsed.keep and commit().endswith("-dirty"):
        parser.error(
            "--keep: the tree has uncommitted changes, so the run could not be repeated: commit first"
        )
    report = Report(name, sizes={"quick": True} if parsed.quick else {})
    if argv is None:  # a run that is terminated still removes what it made
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with _stdout_to_stderr() if parsed.json else nullcontext():
        measure(report, parsed)
    if parsed.json:
        print(json.dumps(_object(report), ensure_ascii=False))
    else:
        _print(report, Console(width=None if sys.stdout.isatty() else 120, highlight=False))
    if parsed.keep:
        _keep(report)
    return 1 if report.failed else 0


def interleaved(functions: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Wall seconds of each function, called in turn (A B A B ...), so that a busy minute hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], over: str, under: str) -> float:
    """The median over rounds of ``seconds[over] / seconds[under]``."""
    return median(a / b for a, b in zip(seconds[over], seconds[under], strict=True))


@dataclass(frozen=True)
class Measured:
    """What a function returned, and what that took."""

    value: Any
    seconds: float  # by the clock
    cpu: float  # seconds of this process and of children that it waited for
    peak: int  # bytes of memory of the process at the highest


def measured(function: Callable[..., Any], *arguments: Any, **named: Any) -> Measured:
    """Call ``function`` in this process."""
    start, cpu = time.perf_counter(), _cpu()
    value = function(*arguments, **named)
    return Measured(value, time.perf_counter() - start, _cpu() - cpu, _peak())


def child(function: Callable[..., Any], *arguments: Any) -> Measured:
    """Call an importable ``function`` in a fresh process and measure it, the processes it waits for included.

    A command is ``child(subprocess.run, [sys.executable, "-m", ...])``.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, function, *arguments).result()


def _cpu() -> float:
    """CPU seconds so far, user and system, of this process and of children that it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> int:
    """Peak bytes of this process or of a child it waited for.

    Linux hands the parent's ``ru_maxrss`` on to a new program, so one's own is read where it is exact.
    """
    waited = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    status = Path("/proc/self/status")
    if status.exists():
        own = next(
            int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")
        )
    else:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(own, waited) * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send everything to stderr, also what compiled libraries and child processes print."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def _plain(value: Any) -> Any:
    """A numpy number as Python's own; None for NaN and infinity, which JSON lacks."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _object(report: Report) -> dict[str, Any]:
    return {
        "benchmark": report.benchmark,
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "sizes": {name: _plain(size) for name, size in report.sizes.items()},
        "claims": [asdict(claim) for claim in report.claims],
        "rows": report.rows,
    }


def commit() -> str:
    """The commit that was measured, with ``-dirty`` where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    described = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """What it ran on: processor, usable cores, memory, operating system."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Python's version and those of the packages that results may depend on."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def _print(report: Report, console: Console) -> None:
    """Print the report as tables."""
    console.print(
        f"[bold]{report.benchmark}[/bold] at {commit()}", "(quick: smaller sizes)" * ("quick" in report.sizes)
    )
    for what in (report.sizes, machine(), versions()):
        console.print("  " + ", ".join(f"{name} {_cell(value)}" for name, value in what.items()), style="dim")
    columns = list(dict.fromkeys(name for row in report.rows for name in row))
    if columns:
        table = Table(box=None, header_style="bold")
        for name in columns:
            numeric = any(isinstance(row.get(name), int | float) for row in report.rows)
            table.add_column(name, justify="right" if numeric else "left")
        for row in report.rows:
            table.add_row(*(_cell(row.get(name, "")) for name in columns))
        console.print(table)
    if report.claims:
        table = Table("", "claim", "value", "unit", "bar", box=None, header_style="bold")
        for claim in report.claims:
            mark = " " if claim.bar is None else "[green]✓[/green]" if claim.holds else "[red]✗[/red]"
            table.add_row(mark, escape(claim.claim), _cell(claim.value), escape(claim.unit), claim.bar or "")
        console.print(table)
    failed = report.failed
    if failed:
        console.print(f"[red]does not hold:[/red] {escape('; '.join(failed))}")
    elif any(claim.bar for claim in report.claims):
        console.print("[green]every claim holds[/green]")


def _cell(value: Any) -> str:
    """A table's cell: four significant digits, thousands separated."""
    if value is None:
        return "nan"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(str(value))
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _keep(report: Report) -> None:
    """Write the tables to ``results/NAME.md``, in place of the last ones."""
    text = StringIO()
    _print(report, Console(file=text, width=110))
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    path = FOLDER / "results" / f"{report.benchmark}.md"
    path.parent.mkdir(exist_ok=True)
    content = [f"# {report.benchmark}", "", f"{datetime.now(UTC):%Y-%m-%d}", "", "```", *lines, "```", ""]
    path.write_text("\n".join(content), encoding="utf-8")
