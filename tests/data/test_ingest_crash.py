"""A crash at any instant leaves the log readable; the next ingest completes it without doubles."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from shortlist.base import files
from shortlist.data import quarantine
from shortlist.data.ingest import ingest as ingest_module
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log import log
from shortlist.data.log.log import scan
from shortlist.data.reading import inputs
from shortlist.storage.home import Home

CHILD = """
import sys
from pathlib import Path
from shortlist.data.reading import inputs
from shortlist.data.ingest.ingest import ingest
from shortlist.retrieval.popular import Popular
from shortlist.storage.home import Home
from shortlist.system.entity import Entity
from shortlist.system.event import Event, Objective
from shortlist.system.system import System
from shortlist.system.table import Table

inputs.FAST_BATCH_ROWS = 20_000
folder = Path(sys.argv[1])
rating = Event("rating", Table("ratings.csv"), at="at", value="rating")
system = System(
    name="small", user=Entity("user"), item=Entity("item"), events=[rating],
    objectives=[Objective("liked", rating)], sources=[Popular()],
)
print("ready", flush=True)
ingest(system, Home.open(folder / "home"), folder)
"""
ROWS = 400_000


class CrashError(Exception):
    pass


def table(rows: int) -> pl.DataFrame:
    day = pl.int_range(rows, eager=True) * 7919 % 30
    return pl.DataFrame(
        {
            "user": pl.int_range(rows, eager=True) % 1000,
            "item": pl.int_range(rows, eager=True) % 77,
            "rating": pl.Series([1.0, 2.0, 3.0, None] * (rows // 4)),
            "at": 1_260_759_144 + day * 86_400 + pl.int_range(rows, eager=True) // 1000,
        }
    )


def content(home: Home) -> pl.DataFrame:
    return scan(home).select("user", "item", "at", "value").collect().sort(pl.all())


@pytest.fixture
def whole(declare, tmp_path) -> pl.DataFrame:
    """What the log holds after an ingest without a crash."""
    dirty = (
        table(400)
        .cast(pl.String)
        .with_columns(
            rating=pl.when(pl.int_range(pl.len()) % 50 == 0).then(pl.lit("bad")).otherwise("rating")
        )
    )
    dirty.write_csv(tmp_path / "ratings.csv")
    home = Home.open(tmp_path / "whole")
    ingest(declare("ratings.csv"), home, tmp_path)
    return content(home)


STEPS = {
    "a part is written": (log, "write_part"),
    "a day is moved in": (log, "sync"),
    "the quarantine is replaced": (quarantine.os, "replace"),
    "the ledger is written": (files.os, "replace"),
    "rows are checked": (ingest_module.EventRows, "split"),
    "rows are recognised": (ingest_module.LoggedRows, "contains"),
}


@pytest.mark.parametrize("after", [0, 1, 5, 31, 45])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step(step, after, whole, declare, home, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "FAST_BATCH_ROWS", 100)
    owner, name = STEPS[step]
    real, calls = getattr(owner, name), iter(range(10_000))

    def failing(*arguments, **named):
        if next(calls) == after:
            raise CrashError
        return real(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing)
        try:
            ingest(declare("ratings.csv"), home, tmp_path)
            crashed = False
        except CrashError:
            crashed = True
    before = content(home)  # readable, and nothing twice
    assert before.is_duplicated().sum() == 0
    assert before.join(whole, on=["user", "item", "at", "value"], how="anti", nulls_equal=True).is_empty()
    report = ingest(declare("ratings.csv"), home, tmp_path)
    assert content(home).equals(whole)
    assert report.added == len(whole) - len(before)
    assert len(pl.read_parquet(home.quarantine / "rating.parquet")) == 8
    assert report.inputs[0].unchanged or crashed
    assert not list(home.path.glob(".ingest"))


@pytest.fixture(scope="module")
def big(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("big")
    table(ROWS).write_csv(folder / "ratings.csv")
    return folder


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_killed_ingest_is_completed_by_the_next(kind, share, big, declare, tmp_path):
    (tmp_path / "ratings.csv").symlink_to(big / "ratings.csv")
    home = Home.open(tmp_path / "home")

    def child() -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        return started

    killed = child()
    time.sleep(share * 0.6)  # wherever that is: every instant must be safe
    killed.send_signal(kind)
    killed.wait()
    assert content(home).is_duplicated().sum() == 0
    report = ingest(declare("ratings.csv"), home, tmp_path)
    rows = content(home)
    assert (len(rows), rows.is_duplicated().sum(), report.quarantined) == (ROWS, 0, 0)
