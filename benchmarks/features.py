"""How fast features can be read as of a million past moments, against bare Polars joins of the same values.

Events have a Zipf item, a time in 90 days and a value; examples ask for items at moments. Twenty features of
five families are read from one timeline. The peer does the least that gives the same values: events sorted
once with running totals, then ``join_asof`` by item, once for the moment and once for the window's start.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from benchmarks.feast_peer import historical as feast_peer
from benchmarks.form import Report, child, run
from shortlist import Count, Decayed, Event, Last, Mean, Since, Sum
from shortlist.base.columns import DAY
from shortlist.features.event_feature import EventFeature
from shortlist.features.readers.timeline import Timeline
from shortlist.features.window import TILES, Window

views = Event("view", value="price")
WINDOWS = ("1h", "1d", "7d", "30d", "all")
FAMILIES: dict[str, list[EventFeature]] = {
    "count": [Count(views, by="item", window=window) for window in WINDOWS],
    "sum": [Sum(views, by="item", window=window) for window in WINDOWS],
    "mean": [Mean(views, by="item", window=window) for window in WINDOWS],
    "newest": [Last(views, by="item"), Since(views, by="item")],
    "decayed": [Decayed(views, by="item", half_life=life) for life in ("1h", "1d", "7d")],
}
WITHIN = 3.0  # times the peer's time, per family


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument(
        "--large", type=int, default=50_000_000, help="events of the run that only measures memory"
    )
    feast_peer.options(parser)


def drawn(events: int, examples: int, items: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    weights = np.cumsum(1 / np.arange(1, items + 1))
    keys = np.searchsorted(weights, rng.random(events) * weights[-1]).astype(np.int64)
    at = np.sort(rng.integers(0, 90 * DAY, events))
    amount = rng.random(events).astype(np.float32)
    wanted = np.searchsorted(weights, rng.random(examples) * weights[-1]).astype(np.int64)
    return keys, at, amount, wanted, np.sort(rng.integers(0, 90 * DAY, examples))


def ours(events: int, examples: int, items: int) -> dict[str, float]:
    """Seconds of each part, in this process."""
    keys, at, amount, wanted, t = drawn(events, examples, items)
    seconds = {}
    start = perf_counter()
    timeline = Timeline(keys, at, amount, items)
    seconds["timeline"] = perf_counter() - start
    del keys, at, amount  # the timeline has them
    for family, features in FAMILIES.items():
        start = perf_counter()
        for each in features:
            each.value(lambda _: timeline, wanted, t, 0.5)
        seconds[family] = perf_counter() - start
    return seconds


def peer(events: int, examples: int, items: int) -> dict[str, float]:
    """The same with bare joins; the decayed count has no join and no peer."""
    keys, at, amount, wanted, t = drawn(events, examples, items)
    seconds = {}
    start = perf_counter()
    log = pl.DataFrame({"key": keys, "at": at, "amount": amount.astype(np.float64)}).with_columns(
        count=pl.int_range(1, pl.len() + 1).over("key"), total=pl.col("amount").cum_sum().over("key")
    )
    seconds["timeline"] = perf_counter() - start
    examples_frame = pl.DataFrame({"key": wanted, "at": t})

    def before(moments: pl.Expr) -> pl.DataFrame:
        left = examples_frame.with_row_index().with_columns((moments - 1).alias("at")).sort("at")
        return left.join_asof(log, on="at", by="key", check_sortedness=False).sort("index")

    def windowed(column: str) -> Callable[[str], pl.Series]:
        def read(window: str) -> pl.Series:
            now = before(pl.col("at"))[column].fill_null(0)
            tile = Window.parse(window).tile
            if not tile:
                return now
            return now - before((pl.col("at") // tile - TILES) * tile)[column].fill_null(0)

        return read

    for family, columns in {"count": ["count"], "sum": ["total"], "mean": ["count", "total"]}.items():
        start = perf_counter()
        for window in WINDOWS:
            for column in columns:
                windowed(column)(window)
        seconds[family] = perf_counter() - start
    start = perf_counter()
    for _ in FAMILIES["newest"]:
        before(pl.col("at"))
    seconds["newest"] = perf_counter() - start
    return seconds


def features(report: Report, options: Namespace) -> None:
    if options.quick:
        options.events, options.examples, options.items, options.large = 1_000_000, 100_000, 10_000, 5_000_000
        options.feast_rows = 100_000
    sizes = (options.events, options.examples, options.items)
    count = sum(len(each) for each in FAMILIES.values())
    report.sizes |= {"events": sizes[0], "examples": sizes[1], "items": sizes[2], "features": count}
    runs = {"ours": [], "peer": []}  # type: dict[str, list[Any]]
    for _ in range(3):
        for name, function in (("ours", ours), ("peer", peer)):
            report.progress(f"{name} ...")
            runs[name].append(child(function, *sizes))
    median = {
        name: {part: float(np.median([each.value[part] for each in results])) for part in results[0].value}
        for name, results in runs.items()
    }
    for part in median["ours"]:
        other = median["peer"].get(part)
        row = {"family": part, "features": len(FAMILIES.get(part, [])), "seconds": median["ours"][part]}
        report.row(
            **row,
            polars=other if other is not None else "",
            peak_gib=max(r.peak for r in runs["ours"]) / 2**30,
        )
        if other is not None and part != "timeline":
            times = median["ours"][part] / other
            report.claim(f"time of family {part}, to bare join_asof", times, "x", at_most=WITHIN)
    whole = sum(median["ours"].values())
    report.claim("examples per second, all features, timeline included", sizes[1] / whole, "/s")
    report.claim("peak memory", max(each.peak for each in runs["ours"]) / 2**30, "GiB")
    feast_peer.compare(report, options)
    report.progress(f"{options.large:,} events ...")
    large = child(ours, options.large, sizes[1], sizes[2])
    report.claim(f"peak memory at {options.large:,} events", large.peak / 2**30, "GiB", at_most=6.0)


if __name__ == "__main__":
    sys.exit(run("features", features, options=options, about=__doc__))
