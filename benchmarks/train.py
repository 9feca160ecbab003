"""What evaluation and training cost in CPU time; with ``--against``, beside another commit, with the quality of both.

``--example movies`` (the default): evaluate and train on MovieLens 100K with the system of `benchmarks.quality`,
what ``shortlist train`` does after ingest. ``--example visual``: examples/visual_search.py of each tree through
check, ingest, evaluate and train, with empty caches. Each run is a process of its own; CPU is that of the
process and its children. NDCG@10 of each pipeline is compared query by query.

Before its changes the visual example took 25 minutes of CPU: ``--recorded`` takes the baseline's CPU time from
benchmarks/results, where a run that measured both sides was kept, instead of measuring it again, and notes that.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import against
from benchmarks.adapters.current.quality import folder
from benchmarks.against import BASELINE, CURRENT, cpu, paired_difference, paired_ratio, wall
from benchmarks.form import FOLDER, Measured, Report, commit, run

BARS = {"movies": 0.8, "visual": 0.5}  # of the baseline's CPU, at most
ROUNDS = 3  # movies


def options(parser: ArgumentParser) -> None:
    against.option(parser)
    parser.add_argument("--example", choices=tuple(BARS), default="movies")
    parser.add_argument("--rounds", type=int, help=f"runs of each side ({ROUNDS}; 1 of the visual example)")
    parser.add_argument(
        "--recorded", action="store_true", help="with --against: the baseline's CPU time from results/"
    )


def train(report: Report, options: Namespace) -> None:
    example, baseline = options.example, options.against
    report.benchmark = "train" if example == "movies" else f"train_{example}"
    rounds = options.rounds or (ROUNDS if example == "movies" and not options.quick else 1)
    report.sizes |= {"example": example, "rounds": rounds}
    if example == "visual" and "SHORTLIST_DATA" not in os.environ:
        raise SystemExit("set SHORTLIST_DATA to the folder that holds grocery/")
    recorded = None
    if options.recorded:
        if baseline is None or options.quick:
            raise SystemExit("--recorded goes with --against COMMIT, and with a full run")
        recorded, baseline = read_recorded(report.benchmark, baseline), None
        report.sizes["baseline"] = f"recorded in results/{report.benchmark}.md, not measured in this run"
    with against.trees(report, baseline) as roots:

        def one(side: str, number: int) -> Measured:
            report.progress(f"{side}, run {number + 1} of {rounds}")
            return trained(roots[side], options)

        sides = {side: lambda number, side=side: one(side, number) for side in roots}
        runs = against.interleaved_rounds(sides, rounds)
    names = {CURRENT: commit(), BASELINE: report.sizes.get("against")}
    for side, each in runs.items():
        report.row(
            side=side,
            commit=names[side],
            cpu_s=median(cpu(each)),
            wall_s=median(wall(each)),
            peak_gib=max(run.peak for run in each) / 2**30,
            chosen=each[-1].value["chosen"],
        )
    if recorded is not None:
        report.row(side="recorded", commit=options.against, cpu_s=recorded)
    compare(report, example, runs, recorded)


def trained(root: Path, options: Namespace) -> Measured:
    """One evaluation and training of a tree, in a process of its own with nothing cached."""
    movies = options.example == "movies"
    with tempfile.TemporaryDirectory() as scratch:
        # the movies come from the cache; the pictures' vectors must not
        fresh = {} if movies else {"SHORTLIST_CACHE": f"{scratch}/cache", "SHORTLIST_HOME": f"{scratch}/home"}
        with against.worker("train", root, fresh) as worker:
            if movies:
                data = "movielens-100k"
                home = f"{scratch}/home"
                worker.call(
                    "prepare_movies", data=data, folder=str(folder(data)), home=home, quick=options.quick
                )
            else:
                worker.call(
                    "prepare_visual", file=str(root / "examples/visual_search.py"), quick=options.quick
                )
            return worker.call("train", ingest=not movies)


def compare(
    report: Report, example: str, runs: dict[str, list[Measured]], recorded: float | None = None
) -> None:
    """CPU and NDCG@10 to the baseline's; NDCG@10 alone where there is none."""
    quality: dict[str, dict[str, Any]] = {side: each[-1].value["ndcg"] for side, each in runs.items()}
    for name, values in quality[CURRENT].items():
        report.claim(f"NDCG@10 of {name}", float(np.nanmean(list(values.values()))))
    if recorded is not None:
        ratio = median(cpu(runs[CURRENT])) / recorded
        report.claim("CPU to the baseline's recorded earlier", ratio, "x", at_most=BARS[example])
    if BASELINE not in runs:
        return
    estimate = paired_ratio(cpu(runs[CURRENT]), cpu(runs[BASELINE]))
    report.claim("CPU to the baseline's", estimate.value, "x", at_most=BARS[example])
    if len(runs[CURRENT]) > 1:
        report.claim("the same, high end of the 95% interval", estimate.high, "x")
    times = paired_ratio(wall(runs[CURRENT]), wall(runs[BASELINE]))
    report.claim("wall time to the baseline's", times.value, "x")
    for name in sorted(quality[CURRENT].keys() & quality[BASELINE].keys()):
        gain = paired_difference(quality[CURRENT][name], quality[BASELINE][name])
        report.claim(f"NDCG@10 of {name} over the baseline's", gain.value)
        report.claim("the same, high end of the 95% interval", gain.high, at_least=0.0)


def read_recorded(benchmark: str, baseline: str) -> float:
    """CPU seconds of the baseline in the kept result. Raises SystemExit where it has none of that commit."""
    path = FOLDER / "results" / f"{benchmark}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    row = re.search(
        rf"^ (?:{BASELINE}|recorded) +{re.escape(baseline[:7])}\w* +([\d,.]+)", text, re.MULTILINE
    )
    if row is None:
        raise SystemExit(
            f"--recorded: {path.name} has no CPU time of {baseline}: run without --recorded, with --keep, first"
        )
    return float(row[1].replace(",", ""))


if __name__ == "__main__":
    sys.exit(run("train", train, options=options, about=__doc__))
