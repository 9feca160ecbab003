"""A pipeline as a folder, and back: everything a server needs, without pickle.

::

    pipeline.json     format, objectives, which classes with which parameters
    items.parquet     the catalogue in the order of positions
    popular/          every item by popularity
    features/         the definitions and the constants they learned
    sources/NAME/     each fitted source
    ranker/           the fitted ranker, if there is one
    users.parquet     users with their attributes, in the order of the rows of the histories
    histories/        what each user did up to here

Classes are found by their import path, which must lead to the contract they claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.base.errors import ReleaseError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.users import Users
from shortlist.features.features import Features
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.system.contracts import Filter, FittedRanker, FittedSource, Order
from shortlist.system.serialization import from_data, load_class, path_of, to_data
from shortlist.system.system import System

FORMAT = 2  # 2: the field's words, users with attributes
HISTORY = ("offsets", "items", "at", "event", "value")
OPTIONAL = ("available_at", "context")  # columns of histories that need not be there


@dataclass(frozen=True)
class Release:
    """A pipeline together with the histories it was learned from."""

    pipeline: Pipeline
    users: Users  # in the order of the rows of the histories
    histories: Histories
    watermark: int  # the store's sequence up to which accepted events are inside the histories
    filters: tuple[Filter, ...] = ()  # as they were declared
    order: tuple[Order, ...] = ()

    def with_new_items(self, items: Items) -> Release:
        """The same over ``items``, the catalogue with more at its end."""
        filters = tuple(each.fit(items) for each in self.filters)
        order = tuple(each.fit(items) for each in self.order)
        return replace(self, pipeline=self.pipeline.with_new_items(items, filters, order))

    def history(self, user: str) -> Histories:
        """What ``user`` did up to the watermark, one row; empty for a user without events."""
        row = self.users.position(user)
        return self.histories.take(np.array([row])) if 0 <= row < len(self.histories) else Histories.empty(1)

    def histories_of(self, users: Sequence[str]) -> Histories:
        """What each of ``users`` did up to the watermark, one row each."""
        rows = self.users.positions(users)
        known = (rows >= 0) & (rows < len(self.histories))
        taken = (
            self.histories.take(np.where(known, rows, 0))
            if len(self.histories)
            else Histories.empty(len(rows))
        )
        return taken if known.all() else taken.where(np.repeat(known, taken.lengths))


def save(
    folder: Path,
    system: System,
    pipeline: Pipeline,
    users: Users,
    histories: Histories,
    watermark: int,
) -> None:
    """Write a release of ``pipeline`` into the existing, empty ``folder``."""
    facts: dict[str, Any] = {
        "format": FORMAT,
        "system": system.name,
        "watermark": watermark,
        "events": pipeline.events,
        "objectives": pipeline.objectives,
        "weights": pipeline.weights.tolist(),
        "sources": [
            {"name": s.name, "quota": s.quota, "class": path_of(type(s.fitted))} for s in pipeline.sources
        ],
        "ranker": path_of(type(pipeline.ranker)) if pipeline.ranker else None,
        "filters": [to_data(each) for each in system.filters],
        "order": [to_data(each) for each in system.order],
    }
    write_json(folder / "pipeline.json", facts)
    pipeline.items.table.write_parquet(folder / "items.parquet")
    save_arrays(folder / "popular", items=pipeline.popular)
    pipeline.features.save(_made(folder / "features"))
    for source in pipeline.sources:
        source.fitted.save(_made(folder / "sources" / source.name))
    if pipeline.ranker is not None:
        pipeline.ranker.save(_made(folder / "ranker"))
    columns = {name: getattr(histories, name) for name in (*HISTORY, *OPTIONAL)}
    save_arrays(
        folder / "histories", **{name: column for name, column in columns.items() if column is not None}
    )
    users.table.write_parquet(folder / "users.parquet")


def load(folder: Path) -> Release:
    """Read a release. Large arrays stay mapped to their files. Raises ReleaseError where it cannot be used."""
    try:
        facts = read_json(folder / "pipeline.json")
    except FileNotFoundError as error:
        raise ReleaseError(f"{folder} is no release: it has no pipeline.json") from error
    if facts["format"] > FORMAT:
        raise ReleaseError(
            f"{folder} has format {facts['format']}, this Shortlist reads {FORMAT}: upgrade it"
        )
    if facts["format"] < FORMAT:
        raise ReleaseError(
            f"{folder} has format {facts['format']} of an older Shortlist, this one reads {FORMAT}: train again"
        )
    items = Items(pl.read_parquet(folder / "items.parquet"))
    users = Users(pl.read_parquet(folder / "users.parquet"))
    filters = tuple(from_data(each, Filter) for each in facts["filters"])
    order = tuple(from_data(each, Order) for each in facts["order"])
    there = [name for name in OPTIONAL if (folder / "histories" / f"{name}.npy").exists()]
    histories = Histories(**{name: load_array(folder / "histories", name) for name in (*HISTORY, *there)})
    pipeline = Pipeline(
        items=items,
        events=tuple(facts["events"]),
        objectives=tuple(facts["objectives"]),
        weights=np.array(facts["weights"], np.float32),
        sources=tuple(
            SourceSlot(
                s["name"],
                s["quota"],
                load_class(s["class"], FittedSource).load(folder / "sources" / s["name"]),
            )
            for s in facts["sources"]
        ),
        popular=load_array(folder / "popular", "items"),
        features=Features.load(folder / "features", items, users, histories),
        ranker=load_class(facts["ranker"], FittedRanker).load(folder / "ranker") if facts["ranker"] else None,
        filters=tuple(each.fit(items) for each in filters),
        order=tuple(each.fit(items) for each in order),
    )
    return Release(pipeline, users, histories, facts["watermark"], filters, order)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
