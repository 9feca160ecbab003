"""What one request costs in process, stage by stage, for each ranker; with ``--against``, beside another commit.

A request is what a server does for one recommendation except HTTP: the user's history from release and store,
the path (four sources, filter, ranker, diversity over a synthetic world), reasons, and the entries of the
answer; one user of the log, 20 items, one thread. Each user has a few events in the store that came after the
release. Both sides read the same tables and fit their own models. A round is a block of the same requests on
each side in turn; CPU is that of the process, for the block. *Kernels* are the models' own computations
(encode, search, score, because, predict); overhead is the rest of the path.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import against
from benchmarks.against import BASELINE, CURRENT, Worker, cpu, paired_ratio, wall
from benchmarks.form import Measured, Report, run

OVERHEAD = 30.0  # percent of a request, at most
CPU_RATIO = 1.05  # of the baseline's CPU, at most
ACCOUNTED = 95.0  # percent of a request that its stages are to add up to
WARM = 50  # requests before the first round
BLOCK = 25  # requests of a round
ROUNDS = 40  # at least, with a baseline
FULL_ROUNDS = 240
NARROW = 0.01  # half of the ratio's interval: enough rounds


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--items", type=int, default=100_000, help="size of the catalogue")
    parser.add_argument("--events", type=int, default=2_000_000, help="size of the log")
    parser.add_argument("--requests", type=int, default=1000, help="users who send them")
    against.option(parser)


def request(report: Report, options: Namespace) -> None:
    if options.quick:
        options.items, options.events, options.requests = 5000, 50_000, 200
    with (
        tempfile.TemporaryDirectory() as scratch,
        against.sides("request", report, options.against) as workers,
    ):
        report.progress("writing a synthetic world")
        world = str(Path(scratch) / "world")
        parameters = {
            "users": max(options.items // 5, 1000),
            "items": options.items,
            "events": options.events,
        }
        workers[CURRENT].call("write_world", folder=world, **parameters)
        report.progress("ingesting and fitting")
        for name, worker in workers.items():
            home = str(Path(scratch) / name)
            worker.start("prepare", world=world, home=home, users=options.requests, quick=options.quick)
        prepared = {name: worker.result().value for name, worker in workers.items()}
        report.sizes |= {**prepared[CURRENT]["sizes"], "requests": options.requests}
        users, quick = prepared[CURRENT]["users"], options.quick
        for ranker in prepared[CURRENT]["rankers"]:
            report.progress(f"requests with {ranker}")
            runs = measured(workers, ranker, users, rounds=ROUNDS // 2 if quick else FULL_ROUNDS)
            stages(report, ranker, runs[CURRENT])
            if BASELINE in runs:
                compare(report, ranker, runs)
            kernels(report, ranker, workers[CURRENT].call("profile", ranker=ranker, users=users).value)


def measured(
    workers: Mapping[str, Worker], ranker: str, users: list[str], rounds: int
) -> dict[str, list[Measured]]:
    """Blocks of requests on each side in turn, all users once at least."""
    for worker in workers.values():
        worker.call("measure", ranker=ranker, users=users[:WARM])

    def block(number: int) -> list[str]:
        return [users[(number * BLOCK + index) % len(users)] for index in range(BLOCK)]

    def enough(runs: Mapping[str, list[Measured]]) -> bool:
        if len(runs[CURRENT]) < ROUNDS:
            return False
        if BASELINE not in runs:
            return len(runs[CURRENT]) * BLOCK >= len(users)
        ratio = paired_ratio(cpu(runs[CURRENT]), cpu(runs[BASELINE]))
        return ratio.high - ratio.low <= 2 * NARROW

    sides = {
        name: lambda number, worker=worker: worker.call("measure", ranker=ranker, users=block(number))
        for name, worker in workers.items()
    }
    return against.interleaved_rounds(sides, rounds, enough)


def stages(report: Report, ranker: str, runs: list[Measured]) -> None:
    """Where the current tree's time goes."""
    total = np.concatenate([each.value["ms"] for each in runs])
    traces = [trace for each in runs for trace in each.value["stages"]]
    names = [name for name, _, _ in traces[0]]
    ms = np.array([[spent for _, spent, _ in trace] for trace in traces])
    for index, name in enumerate(names):
        p50, p99 = np.quantile(ms[:, index], [0.5, 0.99])
        report.row(ranker=ranker, stage=name, p50_ms=p50, p99_ms=p99, candidates=traces[-1][index][2])
    p50, p99 = np.quantile(total, [0.5, 0.99])
    report.row(ranker=ranker, stage="whole request", p50_ms=p50, p99_ms=p99)
    report.claim(f"request with {ranker}, p50", float(p50), "ms")
    report.claim(f"request with {ranker}, p99", float(p99), "ms")
    report.claim(f"request with {ranker}, CPU", sum(cpu(runs)) / len(total) * 1000, "ms")
    share = float(np.median(ms.sum(axis=1) / total)) * 100
    report.claim(f"stages to the whole request with {ranker}, median", share, "%", at_least=ACCOUNTED)


def compare(report: Report, ranker: str, runs: Mapping[str, list[Measured]]) -> None:
    """CPU and wall time to the baseline's."""
    for what, of in (("CPU", cpu), ("wall", wall)):
        current, baseline = of(runs[CURRENT]), of(runs[BASELINE])
        ratio = paired_ratio(current, baseline)
        report.row(
            ranker=ranker,
            stage=f"{what} of a request",
            p50_ms=np.median(current) / BLOCK * 1000,
            baseline_ms=np.median(baseline) / BLOCK * 1000,
            ratio=ratio.value,
            interval=str(ratio),
            rounds=len(current),
        )
        if what == "CPU":
            report.claim(
                f"CPU of a request with {ranker}, to the baseline: high end of the 95% interval",
                ratio.high,
                "x",
                at_most=CPU_RATIO,
            )
    same = [a == b for pair in zip(*(_slates(runs[name]) for name in runs), strict=True) for a, b in [pair]]
    report.claim(f"slates with {ranker} equal to the baseline's", float(np.mean(same)) * 100, "%")


def _slates(runs: list[Measured]) -> list[Any]:
    return [slate for each in runs for slate in each.value["slates"]]


def kernels(report: Report, ranker: str, spent: list[list[float]]) -> None:
    """How much of the path is not the models' own computation."""
    total, inside = np.array(spent)[WARM:].T
    report.row(ranker=ranker, stage="kernels alone", p50_ms=float(np.median(inside)))
    share = float(np.median((total - inside) / total)) * 100
    bar = OVERHEAD if ranker == "catboost" else None
    report.claim(f"overhead of the path outside kernels with {ranker}, median", share, "%", at_most=bar)


if __name__ == "__main__":
    sys.exit(run("request", request, options=options, about=__doc__))
