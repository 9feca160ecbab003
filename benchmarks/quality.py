"""Is the two-stage pipeline better than each of its sources and than a known library, on real ratings?

Every rating is a positive; the split is by time; lists are over the full catalogue without what was seen in
training; users with at least one positive in the test part count. The peer is the ALS of the package
``implicit``, its hyperparameters chosen on a validation part of the training data in this same run.

With ``--against``: is the quality of each pipeline not below another commit's? Both are evaluated on the same
users, and NDCG@10 is compared user by user.
"""

from __future__ import annotations

import itertools
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np

from benchmarks import against
from benchmarks.adapters.current import quality as current
from benchmarks.against import BASELINE, CURRENT, mean_interval, paired_difference
from benchmarks.form import Report, run

GRID = {"factors": (32, 64, 128), "regularization": (0.1, 1.0, 10.0, 30.0, 100.0), "alpha": (1.0, 5.0, 20.0)}
QUICK_GRID = {"factors": (64,), "regularization": (10.0,), "alpha": (1.0, 10.0)}
BAR = 0.25  # NDCG@10 on movielens-100k
NOT_BELOW = -0.005  # NDCG@10 over the baseline's, low end of the interval
PEER = "implicit ALS, tuned"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--data", choices=["movielens-100k", "movielens-small"], default="movielens-100k")
    against.option(parser)


def quality(report: Report, options: Namespace) -> None:
    if options.against:
        compare(report, options)
    else:
        rank_models(report, options)


def compare(report: Report, options: Namespace) -> None:
    """Each pipeline of this tree beside the baseline's."""
    report.benchmark = "quality_against"
    tables = str(current.folder(options.data))
    report.sizes["data"] = options.data
    values: dict[str, dict[str, dict[str, float]]] = {}
    with against.sides("quality", report, options.against) as workers:
        for side, worker in workers.items():
            report.progress(f"evaluating {side}")
            arguments = {"data": options.data, "tables": tables, "quick": options.quick}
            values[side] = worker.call("evaluate", **arguments).value
    if values[CURRENT].keys() != values[BASELINE].keys():
        raise SystemExit(f"the two sides have other pipelines: {[sorted(each) for each in values.values()]}")
    for name in values[CURRENT]:
        both = {side: mean_interval([*each[name].values()]) for side, each in values.items()}
        gain = paired_difference(values[CURRENT][name], values[BASELINE][name])
        report.row(
            model=name,
            users=len(values[CURRENT][name]),
            current=both[CURRENT].value,
            baseline=both[BASELINE].value,
            difference=gain.value,
            interval=str(gain),
        )
        report.claim(
            f"NDCG@10 of {name} over the baseline's: low end of the 95% interval",
            gain.low,
            at_least=NOT_BELOW,
        )


def rank_models(report: Report, options: Namespace) -> None:
    """Every model of the evaluation and the peer, with what they are behind the best pipeline."""
    report.progress(f"evaluating on {options.data}")
    result = current.evaluated(options.data, current.folder(options.data), quick=options.quick)
    report.progress("tuning implicit's ALS")
    values = {**result.values, PEER: peer(result, report, quick=options.quick)}
    report.sizes |= result.sizes
    pipelines = [name for name, kind in result.kinds.items() if kind == "pipeline"]
    best = max(pipelines, key=lambda name: np.nanmean(values[name]["ndcg@10"]))
    for name, per_user in values.items():
        intervals = {metric: current.interval(per_user[metric]) for metric in current.METRICS}
        gain = current.paired(values[best]["ndcg@10"], per_user["ndcg@10"])
        report.row(
            model=name,
            kind=result.kinds.get(name, "peer"),
            **{metric: intervals[metric].mean for metric in current.METRICS},
            **{f"{metric} 95%": f"{each.low:.3f} to {each.high:.3f}" for metric, each in intervals.items()},
            behind="" if name == best else f"{gain.mean:.3f} ({gain.low:.3f} to {gain.high:.3f})",
        )
        if name not in pipelines:
            report.claim(
                f"NDCG@10 of {best} above {name}: low end of the 95% interval", gain.low, at_least=1e-9
            )
    if options.data == "movielens-100k":
        report.claim(f"NDCG@10 of {best}", float(np.nanmean(values[best]["ndcg@10"])), at_least=BAR)


def peer(result: current.Evaluated, report: Report, *, quick: bool) -> dict[str, Any]:
    """The tuned ALS of ``implicit``: its metrics for each query."""
    grid = QUICK_GRID if quick else GRID
    best, chosen = -1.0, {}
    for values in itertools.product(*grid.values()):
        tried = dict(zip(grid, values, strict=True))
        ndcg = float(np.nanmean(fitted(tried, result.validation)["ndcg@10"]))
        if ndcg > best:
            best, chosen = ndcg, tried
    report.sizes["implicit"] = ", ".join(f"{name} {value}" for name, value in chosen.items())
    return fitted(chosen, result.test)


def fitted(hyperparameters: dict[str, float], part: current.Part) -> dict[str, Any]:
    """ALS fitted on ``part`` and measured."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        iterations=15, random_state=0, num_threads=2, use_gpu=False, **hyperparameters
    )
    with current.one_thread():  # as the package asks for: it has threads of its own
        model.fit(part.X, show_progress=False)
    scores = (model.user_factors[part.users] @ model.item_factors.T).astype(np.float32)
    scores[part.X[part.users].nonzero()] = -np.inf
    return part.measure(current.top_items(scores, 20))


if __name__ == "__main__":
    sys.exit(run("quality", quality, options=options, about=__doc__))
