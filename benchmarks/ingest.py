"""How fast events are ingested, against a bare Polars CSV-to-Parquet of the same file, and in how much memory.

The file is a rating log of 90 days: user, item, half stars, unix seconds. Bare Polars reads it and writes it
as one Parquet file. Ingest also checks every cell, derives event ids, finds duplicates, looks up each item in
the catalogue, writes the log by day, and forces it to disk. Each round runs every reading once, each in a
process of its own. Reported without a bar: other orders of the file, other formats, and the
runs that follow the first.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from benchmarks.form import Measured, Report, child, ratio, run
from shortlist import Entity, Event, Objective, Popular, System, Table
from shortlist.data.ingest.ingest import ingest
from shortlist.storage.home import Home

START = 1_700_000_000  # unix seconds
DAYS = 90
ITEMS = 100_000
PARITY = 0.5  # of bare Polars' rows per second
MEMORY = 4.0  # GiB


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=10_000_000, help="size of the log")
    parser.add_argument("--rounds", type=int, default=5, help="times that everything is run")


def write_tables(folder: Path, events: int) -> None:
    """A catalogue, and a log whose busy users and popular items are common: by time, by user, and as Parquet."""
    rng = np.random.default_rng(7)
    users = max(events // 10, 100)
    log = pl.DataFrame(
        {
            "user_id": (users * rng.random(events) ** 2).astype(np.int64),
            "item_id": (ITEMS * rng.random(events) ** 3).astype(np.int64),
            "rating": rng.integers(1, 11, events) / 2,
            "timestamp": np.sort(rng.integers(START, START + DAYS * 86_400, events)),
        }
    )
    log.write_csv(folder / "by_time.csv")
    log.write_parquet(folder / "by_time.parquet")
    log.sort("user_id", maintain_order=True).write_csv(folder / "by_user.csv")
    catalogue = pl.DataFrame(
        {"item_id": range(ITEMS), "category": [f"c{item % 50}" for item in range(ITEMS)]}
    )
    catalogue.write_csv(folder / "items.csv")


def bare(folder: Path, name: str) -> int:
    """Polars alone; how many bytes it wrote."""
    pl.scan_csv(folder / name).sink_parquet(folder / "bare.parquet")
    return (folder / "bare.parquet").stat().st_size


def ours(folder: Path, name: str) -> int:
    """Ingest; how many events it added."""
    rating = Event(
        "rating",
        Table(name),
        user="user_id",
        item="item_id",
        at="timestamp",
        value="rating",
        value_range=(0.5, 5),
    )
    system = System(
        name="log",
        user=Entity("user_id"),
        item=Entity("item_id", Table("items.csv"), category="category"),
        events=[rating],
        objectives=[Objective("liked", rating, pl.col("value") >= 4)],
        sources=[Popular()],
    )
    return ingest(system, Home.open(folder / "home"), folder).added


def measure(report: Report, options: Namespace) -> None:
    events = options.events // 10 if options.quick else options.events
    report.sizes |= {"events": events, "items": ITEMS, "days": DAYS, "rounds": options.rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report.progress("writing the tables")
        child(write_tables, folder, events)
        report.sizes["csv"] = f"{(folder / 'by_time.csv').stat().st_size / 1e6:.0f} MB"
        taken: dict[str, list[Measured]] = {}
        for number in range(options.rounds):
            report.progress(f"round {number + 1} of {options.rounds}")
            for what, each in one_round(folder).items():
                taken.setdefault(what, []).append(each)
    seconds = {what: [each.seconds for each in runs] for what, runs in taken.items()}
    peaks = {what: max(each.peak for each in runs) / 2**30 for what, runs in taken.items()}
    for what in taken:
        report.row(
            reading=what,
            seconds=median(seconds[what]),
            rows_per_second=events / median(seconds[what]),
            to_polars=ratio(seconds, "polars, by time", what),
            peak_gib=peaks[what],
        )
    added = taken["ingest, by time"][0].value
    report.claim("events that are in the log, of those in the file", added / events, at_least=0.999)
    report.claim(
        "rows per second, to bare Polars CSV-to-Parquet of the same file",
        ratio(seconds, "polars, by time", "ingest, by time"),
        "x",
        at_least=None if options.quick else PARITY,  # the bar is for 10 million; below, starting costs count
    )
    report.claim("the same, file ordered by user", ratio(seconds, "polars, by user", "ingest, by user"), "x")
    report.claim("peak memory", max(peaks[what] for what in taken if "ingest" in what), "GiB", at_most=MEMORY)


def one_round(folder: Path) -> dict[str, Measured]:
    """Every reading once."""
    taken = {
        "polars, by time": child(bare, folder, "by_time.csv"),
        "ingest, by time": child(ours, folder, "by_time.csv"),
        "ingest, unchanged": child(ours, folder, "by_time.csv"),
        "ingest, the same events from another file": child(ours, folder, "by_time.parquet"),
        "polars, by user": child(bare, folder, "by_user.csv"),
    }
    for what, name in [("by user", "by_user.csv"), ("Parquet", "by_time.parquet")]:
        shutil.rmtree(folder / "home")
        taken[f"ingest, {what}"] = child(ours, folder, name)
    shutil.rmtree(folder / "home")
    return taken


if __name__ == "__main__":
    sys.exit(run("ingest", measure, options=options, about=__doc__))
