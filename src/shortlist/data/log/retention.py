"""Retention of the log: whole days that are too old are dropped."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date

import polars as pl

from shortlist.base.columns import DAY
from shortlist.base.files import sync
from shortlist.data.log.log import only_writer
from shortlist.storage.home import Home

FIRST_DATED = date(1971, 1, 1)  # earlier days hold events without a time, which have no age


@dataclass(frozen=True)
class Dropped:
    """What a retention dropped."""

    days: int = 0
    events: int = 0


def drop_before(home: Home, moment: int) -> Dropped:
    """Remove the days of the log that ended before ``moment`` (microseconds). Waits while another writes the log.

    Events without a time stay. A table that still holds dropped events brings them back when it changes. StoreError.
    """
    days = events = 0
    with only_writer(home):
        for folder in sorted(home.events.glob("day=*")):
            day = date.fromisoformat(folder.name.partition("=")[2])
            if day >= FIRST_DATED and ((day - date(1970, 1, 1)).days + 1) * DAY <= moment:
                days += 1
                events += sum(
                    pl.scan_parquet(part, glob=False).select(pl.len()).collect().item()
                    for part in folder.glob("*.parquet")
                )
                hidden = folder.with_name(f".{folder.name}")  # whole or not at all
                folder.rename(hidden)
                shutil.rmtree(hidden)
        for hidden in home.events.glob(".day=*"):  # of a crash
            shutil.rmtree(hidden)
        if days:
            sync(home.events)
    return Dropped(days, events)
