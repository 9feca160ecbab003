"""The synthetic world: a catalogue and an event log of any size, with known truth.

::

    World(users=100_000, items=50_000, events=10_000_000, seed=7).write(Path("world"), progress=True)
    truth = Truth.load(Path("world"))
    truth.affinity(3, np.arange(50_000))      # what user 3 likes, at the log's end

**Items** lie in a space of few dimensions, scattered around the centre of their cluster. Ranked at random,
their popularity follows Zipf's law and swings once between a factor e⁻ᵈ and eᵈ during the log, each item in
its own phase. Part of them arrive while the log runs, and are seen from the day after.

**Users** have a first, second and third favourite cluster before, and others after, a change of taste, both
drawn by the clusters' popularity. Their taste is a vector: the weighted mean of the favourites' centres and
something personal; it moves in a straight line from the one set to the other.

**A visit** goes to a favourite cluster (of the set before or after, as far as taste has changed), or, to
explore, to any by its popularity that day. There a slate is drawn by popularity and shown most popular first.
Position p is looked at with probability (p + 1)⁻ᵇ. What is looked at is *viewed* with a probability that is
the user's *affinity* to the item: the sigmoid of taste · item. What is viewed is *purchased*, some minutes
later, with ``purchase_rate`` times the affinity. The busiest user visits a hundred times as often as the
idlest; the busiest tenth make half of the visits.

So what the log shows is affinity bent by popularity, by position and by time. `Truth` knows each of them:
``affinity`` is what a person would like, ``chance`` what the person will be seen to view.

**What can be seen**: an item's category is its cluster, nine times in ten; its price follows one direction of
the space, its tags several, and it has the moment of its arrival. The tables are described in
``docs/synthetic-world.md``.

Nothing is larger in memory than the users, the items and one block of visits; the same knobs give the same
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import Progress

from shortlist.base.errors import DataError
from shortlist.base.files import new_folder
from shortlist.data.world.items import tables
from shortlist.data.world.parameters import WorldKnobs
from shortlist.data.world.truth import Truth
from shortlist.data.world.visits import Visits

__all__ = ["Truth", "World"]

PILOT_DAYS, PILOT_VISITS = 8, 4000  # tried to learn how many events a visit brings


@dataclass(frozen=True, kw_only=True)
class World(WorldKnobs):
    """A world that can be written to a folder. The same knobs give the same rows."""

    def write(self, folder: Path, *, progress: bool = False) -> Truth:
        """Write ``items``, ``views``, ``purchases`` (folders of Parquet) and ``truth`` to a new ``folder``.

        It appears complete or not at all; ``progress`` shows bars on stderr. Raises DataError if it exists.
        """
        if folder.exists():
            raise DataError(f"{folder} is there already: delete it, or write the world to another folder")
        bars = Progress(console=Console(stderr=True), disable=not progress)
        with new_folder(folder) as partial, bars:
            truth = Truth.draw(self)
            truth.save(partial / "truth")
            _write_items(truth, partial, bars)
            _write_events(truth, partial, bars)
        return Truth.load(folder)


def _write_items(truth: Truth, folder: Path, bars: Progress) -> None:
    task = bars.add_task("items", total=truth.knobs.items)
    (folder / "items").mkdir()
    for number, table in enumerate(tables(truth)):
        table.write_parquet(folder / "items" / f"{number:04}.parquet")
        bars.advance(task, len(table))


def _write_events(truth: Truth, folder: Path, bars: Progress) -> None:
    knobs = truth.knobs
    task = bars.add_task("events", total=knobs.days)
    drawn = Visits(truth)
    visits = _enough(drawn, knobs)
    logs = [_Log(folder / kind) for kind in ("views", "purchases")]
    for day in range(knobs.days):
        today = visits * (day + 1) // knobs.days - visits * day // knobs.days
        for block, (end, *kinds) in enumerate(drawn.of_day(day, today)):
            name = f"{knobs.start + timedelta(days=day)}-{block:04}.parquet"
            for log, events in zip(logs, kinds, strict=True):
                log.add(events, end, name)
        bars.advance(task)


def _enough(drawn: Visits, knobs: WorldKnobs) -> int:
    """How many visits bring about ``knobs.events`` events: tried on a few days."""
    days = [(2 * pilot + 1) * knobs.days // (2 * PILOT_DAYS) for pilot in range(PILOT_DAYS)]
    tried = [len(events) for day in days for _, *kinds in drawn.of_day(day, PILOT_VISITS) for events in kinds]
    return round(knobs.events * PILOT_VISITS * len(days) / max(sum(tried), 1))


class _Log:
    """One kind of event, written in the order of time.

    What a block brings after its own end waits for the next; what comes after the last day never happens.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.waiting = pl.DataFrame()

    def add(self, events: pl.DataFrame, end: int, name: str) -> None:
        """Write all that happened before ``end`` to the file ``name``."""
        known = pl.concat([self.waiting, events], how="diagonal").sort("at", maintain_order=True)
        self.waiting = known.filter(pl.col("at") >= end)
        ready = known.filter(pl.col("at") < end).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
        if len(ready):
            ready.write_parquet(self.folder / name, compression="zstd", compression_level=1)
