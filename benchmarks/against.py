"""This tree beside another commit's: ``--against COMMIT``.

The commit is checked out into a scratch worktree, which is removed afterwards. Each side, *current* and
*baseline*, is a worker process with its own tree on the path, the same interpreter and the same installed
packages::

    with sides("request", options.against) as workers:
        runs = interleaved_rounds({name: worker.measure for name, worker in workers.items()}, rounds=40)
        ratio = paired_ratio(cpu(runs["current"]), cpu(runs["baseline"]))
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.form import FOLDER, Measured, Report

ROOT = FOLDER.parent
CURRENT, BASELINE = "current", "baseline"


def option(parser: ArgumentParser) -> None:
    """Add ``--against``."""
    parser.add_argument("--against", metavar="COMMIT", help="measure this tree beside that commit's")


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"


def mean_interval(values: Sequence[float]) -> Estimate:
    """The mean of ``values`` with Student's t interval; one value alone has no interval (NaN)."""
    from scipy.stats import t

    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Estimate(mean, math.nan, math.nan)
    half = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return Estimate(mean, mean - half, mean + half)


def paired_ratio(over: Sequence[float], under: Sequence[float]) -> Estimate:
    """The geometric mean of ``over[i] / under[i]`` with a t interval of the logarithms.

    Each pair comes from one round, so a busy minute of the machine hits both and cancels out.
    """
    logs = mean_interval(np.log(np.divide(over, under)).tolist())
    return Estimate(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high))


def paired_difference(current: Mapping[str, float], baseline: Mapping[str, float]) -> Estimate:
    """The mean over keys of ``current[key] - baseline[key]`` with a t interval; NaN on either side is left out.

    Raises ValueError where the keys differ: the sides were not evaluated on the same queries.
    """
    if current.keys() != baseline.keys():
        only = len(current.keys() ^ baseline.keys())
        raise ValueError(f"the two sides were not evaluated on the same queries: {only} are on one side only")
    differences = np.array([current[key] - baseline[key] for key in current])
    return mean_interval(differences[~np.isnan(differences)].tolist())


class Worker:
    """A process that calls the adapter of one benchmark for one tree."""

    def __init__(self, benchmark: str, root: Path, environment: Mapping[str, str] | None = None) -> None:
        """``root``: a checkout; ``environment``: variables on top of this process's."""
        path = os.pathsep.join([str(root / "src"), str(ROOT)])
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", benchmark],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", **(environment or {})},
        )
        imported = self._read()["shortlist"]
        if Path(imported).resolve() != (root / "src" / "shortlist").resolve():
            self.close()
            raise RuntimeError(f"the worker of {root} imported Shortlist from {imported}")

    def call(self, method: str, **arguments: Any) -> Measured:
        """Call a method of the adapter, with JSON as arguments. Raises RuntimeError with its traceback."""
        self.start(method, **arguments)
        return self.result()

    def start(self, method: str, **arguments: Any) -> None:
        """Begin a call; `result` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"method": method, "arguments": arguments}) + "\n")
        self._process.stdin.flush()

    def result(self) -> Measured:
        """What the call that was started returned, and what it took."""
        return Measured(**self._read())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.root} ended: see its message above")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"in the worker of {self.root}:\n{answer['error']}")
        return answer


@contextmanager
def worker(
    benchmark: str, root: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[Worker]:
    """A worker that is closed afterwards."""
    opened = Worker(benchmark, root, environment)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def trees(report: Report, against: str | None) -> Iterator[dict[str, Path]]:
    """The root of this tree as ``current``, and of a checkout of ``against``, if given, as ``baseline``."""
    if against is None:
        yield {CURRENT: ROOT}
        return
    with checkout(against) as (root, commit):
        report.sizes["against"] = commit
        yield {CURRENT: ROOT, BASELINE: root}


@contextmanager
def sides(benchmark: str, report: Report, against: str | None) -> Iterator[dict[str, Worker]]:
    """One worker for each of `trees`."""
    with ExitStack() as stack:
        roots = stack.enter_context(trees(report, against))
        yield {name: stack.enter_context(worker(benchmark, root)) for name, root in roots.items()}


@contextmanager
def checkout(commit: str) -> Iterator[tuple[Path, str]]:
    """A scratch worktree of ``commit``, and its short hash. Raises SystemExit where there is no such commit."""
    command = ["git", "rev-parse", "--verify", "--quiet", "--short=12", f"{commit}^{{commit}}"]
    parsed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if parsed.returncode:
        raise SystemExit(f"--against {commit}: this repository has no such commit (a shallow clone?)")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(root), commit], check=True)
        try:
            yield root, parsed.stdout.strip()
        finally:
            subprocess.run([*git, "remove", "--force", str(root)], check=True)


def interleaved_rounds(
    functions: Mapping[str, Callable[[int], Measured]],
    rounds: int,
    enough: Callable[[Mapping[str, list[Measured]]], bool] = lambda _: False,
) -> dict[str, list[Measured]]:
    """What each function measured in each round, in the order A B B A A B ...; stops early once it is ``enough``.

    Functions get the number of the round.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in functions}
    for number in range(rounds):
        names = list(functions) if number % 2 == 0 else list(functions)[::-1]
        for name in names:
            runs[name].append(functions[name](number))
        if enough(runs):
            break
    return runs


def cpu(runs: Sequence[Measured]) -> list[float]:
    """CPU seconds of each run, children included."""
    return [each.cpu for each in runs]


def wall(runs: Sequence[Measured]) -> list[float]:
    """Wall seconds of each run."""
    return [each.seconds for each in runs]
