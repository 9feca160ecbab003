"""Precomputed features as of past moments: Feast's historical retrieval and ours, on the same rows and examples.

A part of ``benchmarks.features``. A table has the values of 20 features of items, ten rows for each item at
random moments. Both sides read it from Parquet. Feast joins it to the examples; ours is the reader of the newest
event, for which a row of the table is an event and its number the value.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import polars as pl

from benchmarks.feast_peer import run as feast
from benchmarks.form import Report, child
from shortlist.base.columns import DAY
from shortlist.features.readers.timeline import Timeline

FEATURES = [f"f{column}" for column in range(20)]
ROWS_EACH = 10  # of an item
TIMES = 20.0  # as fast as Feast, at least
KEYS = ["item", "event_timestamp"]


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--feast-rows", type=int, default=1_000_000, help="rows, and as many examples")
    parser.add_argument("--feast-python", type=Path, default=feast.PYTHON, help="`make feast` sets it up")


def compare(report: Report, options: Namespace) -> None:
    """Claim the ratio, and that both give the same values; nothing where Feast is not installed."""
    if not options.feast_python.exists():
        report.sizes["feast"] = f"not measured: no {options.feast_python}, run `make feast`"
        return
    rows = options.feast_rows
    report.sizes["rows of precomputed features, and examples"] = rows
    with TemporaryDirectory() as folder:
        table, examples = Path(folder) / "table.parquet", Path(folder) / "examples.parquet"
        draw(rows, table, examples)
        report.progress(f"precomputed features: ours, Feast, ours; {rows:,} rows and examples ...")
        paths = {"table": table, "examples": examples}
        first = child(ours, table, examples, Path(folder) / "ours.parquet")
        theirs = feast.run(options.feast_python, "historical", **paths, out=Path(folder) / "theirs.parquet")
        assert theirs is not None
        second = child(ours, table, examples, Path(folder) / "ours.parquet")
        agreed = agreement(Path(folder))
    seconds = (first.value + second.value) / 2
    size = {"family": "precomputed", "features": len(FEATURES)}
    report.row(**size, seconds=seconds, peak_gib=first.peak / 2**30)
    version = theirs["version"]
    report.row(
        **size | {"family": f"precomputed, Feast {version}"},
        seconds=theirs["seconds"],
        peak_gib=theirs["peak"] / 2**30,
    )
    report.claim("as fast as Feast's historical retrieval", theirs["seconds"] / seconds, "x", at_least=TIMES)
    report.claim("values that are the same as Feast's", agreed, "", at_least=1.0)


def draw(rows: int, table: Path, examples: Path) -> None:
    """Write the table and the examples."""
    rng = np.random.default_rng(0)
    items = max(rows // ROWS_EACH, 1)

    def keys() -> dict[str, pl.Series]:
        at = pl.Series(rng.integers(DAY, 90 * DAY, rows)).cast(pl.Datetime("us", "UTC"))
        return {"item": pl.Series(rng.integers(0, items, rows)), "event_timestamp": at}

    values = {name: rng.random(rows, np.float32) for name in FEATURES}
    pl.DataFrame({**keys(), **values}).write_parquet(table)
    pl.DataFrame(keys()).unique().write_parquet(examples)


def ours(table: Path, examples: Path, out: Path) -> float:
    """Seconds from the files to the values."""
    start = perf_counter()
    table_rows, wanted_rows = pl.read_parquet(table), pl.read_parquet(examples)
    keys, at = table_rows["item"].to_numpy(), table_rows["event_timestamp"].dt.epoch("us").to_numpy()
    wanted, t = wanted_rows["item"].to_numpy(), wanted_rows["event_timestamp"].dt.epoch("us").to_numpy() + 1
    size = int(max(keys.max(), wanted.max())) + 1
    row = Timeline(keys, at, np.arange(len(table_rows)), size).newest(wanted, t)[1]
    there = np.where(np.isnan(row), len(table_rows), row).astype(np.int64)
    values = {name: np.append(table_rows[name].to_numpy(), np.float32(np.nan))[there] for name in FEATURES}
    seconds = perf_counter() - start
    wanted_rows.with_columns(pl.Series(name, column) for name, column in values.items()).write_parquet(out)
    return seconds


def agreement(folder: Path) -> float:
    """The part of the values that is the same; Feast leaves out examples for which it has nothing."""
    mine, theirs = (pl.read_parquet(folder / f"{who}.parquet") for who in ("ours", "theirs"))
    theirs = theirs.with_columns(pl.col("event_timestamp").dt.cast_time_unit("us"))
    both = mine.join(theirs, on=KEYS, how="left", suffix="_theirs")
    same = [
        (pl.col(name).fill_nan(None).eq_missing(pl.col(f"{name}_theirs").fill_nan(None))).mean()
        for name in FEATURES
    ]
    return float(both.select(pl.mean_horizontal(same)).item())
