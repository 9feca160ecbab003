"""The synthetic world: a catalogue and an event log of any size, with ground truth.

::

    World(users=100_000, items=50_000, events=10_000_000, seed=7).write(Path("world"))
    truth = Truth.load(Path("world"))
    truth.affinity(3, np.arange(50_000))      # user 3's affinity to every item, at the log's end

**Items** lie in a space of few dimensions, scattered around the centre of their cluster. Ranked at random,
their popularity follows Zipf's law and swings once between a factor e⁻ᵈ and eᵈ during the log, each item in
its own phase. Part of them arrive while the log runs, and are seen from the day after.

**Users** have a first, second and third favourite cluster before, and others after, a change of taste, both
drawn by the clusters' popularity. Their taste is a vector: the weighted mean of the favourites' centres and
something personal; it moves in a straight line from the one set to the other.

**A visit** goes to a favourite cluster (of the set before or after, as far as taste has changed), or, to
explore, to any by its popularity that day. There a slate is drawn by popularity and shown most popular first.
Position p is examined with probability (p + 1)⁻ᵇ (the position-based click model). An examined item is *viewed*
with a probability that is the user's *affinity* to it: the sigmoid of taste · item. A viewed item is *purchased*,
some minutes later, with ``purchase_rate`` times the affinity. The busiest user visits a hundred times as often as the
idlest; the busiest tenth make half of the visits.

So the log shows affinity biased by popularity, by position and by time. `Truth` has each of them: ``affinity`` is
what a user would like, ``view_propensity`` what the log will show the user to view.

**Observed**: an item's category is its cluster, nine times in ten; its price follows one direction of
the space, its tags several, and it has the moment of its arrival. The tables are described in
``docs/synthetic-world.md``.

Nothing is larger in memory than the users, the items and one block of visits; the same parameters give the same
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from shortlist.base.errors import DataError
from shortlist.base.files import new_folder
from shortlist.base.progress import SILENT, Progress
from shortlist.data.world.items import item_tables
from shortlist.data.world.parameters import WorldParameters
from shortlist.data.world.truth import Truth
from shortlist.data.world.visits import Visits

__all__ = ["Truth", "World"]

PILOT_DAYS, PILOT_VISITS = 8, 4000  # from which the events of a visit are estimated


@dataclass(frozen=True, kw_only=True)
class World(WorldParameters):
    """A world that can be written to a folder. The same parameters give the same rows."""

    def write(self, folder: Path, *, progress: Progress = SILENT) -> Truth:
        """Write ``items``, ``views``, ``purchases`` (folders of Parquet) and ``truth`` to a new ``folder``.

        It appears complete or not at all. Raises DataError if it exists.
        """
        if folder.exists():
            raise DataError(f"{folder} exists already: delete it, or write the world to another folder")
        with new_folder(folder) as partial:
            truth = Truth.draw(self)
            truth.save(partial / "truth")
            _write_items(truth, partial, progress)
            _write_events(truth, partial, progress)
        return Truth.load(folder)


def _write_items(truth: Truth, folder: Path, progress: Progress) -> None:
    (folder / "items").mkdir()
    with progress.step("writing items", truth.parameters.items, "items") as step:
        for number, table in enumerate(item_tables(truth)):
            table.write_parquet(folder / "items" / f"{number:04}.parquet")
            step.advance(len(table))


def _write_events(truth: Truth, folder: Path, progress: Progress) -> None:
    parameters = truth.parameters
    visits = Visits(truth)
    total = _visits_for_events(visits, parameters)
    logs = [_Log(folder / kind) for kind in ("views", "purchases")]
    with progress.step("writing events", parameters.days, "days") as step:
        for day in range(parameters.days):
            today = total * (day + 1) // parameters.days - total * day // parameters.days
            for block, (end, *kinds) in enumerate(visits.of_day(day, today)):
                name = f"{parameters.start + timedelta(days=day)}-{block:04}.parquet"
                for log, events in zip(logs, kinds, strict=True):
                    log.add(events, end, name)
            step.advance()


def _visits_for_events(visits: Visits, parameters: WorldParameters) -> int:
    """The number of visits that bring about ``parameters.events`` events, estimated from a few days."""
    days = [(2 * pilot + 1) * parameters.days // (2 * PILOT_DAYS) for pilot in range(PILOT_DAYS)]
    counts = [
        len(events) for day in days for _, *kinds in visits.of_day(day, PILOT_VISITS) for events in kinds
    ]
    return round(parameters.events * PILOT_VISITS * len(days) / max(sum(counts), 1))


class _Log:
    """One kind of event, written in the order of time.

    Events of a block after its own end wait for the next block; those after the last day are dropped.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.waiting = pl.DataFrame()

    def add(self, events: pl.DataFrame, end: int, name: str) -> None:
        """Write all that happened before ``end`` to the file ``name``."""
        pending = pl.concat([self.waiting, events], how="diagonal").sort("at", maintain_order=True)
        self.waiting = pending.filter(pl.col("at") >= end)
        ready = pending.filter(pl.col("at") < end).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
        if len(ready):
            ready.write_parquet(self.folder / name, compression="zstd", compression_level=1)
