"""A toy data set with a known right answer: users of two tastes, and items of two kinds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from shortlist.base.columns import DAY
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Ragged
from shortlist.base.types import AnyArray
from shortlist.system.contracts import TrainingData

ITEMS = 40  # the first half is red, the second blue
USERS = 120
NEW_ITEMS = 5  # in the catalogue that grew


def toy_data(histories: Histories | None = None, items: Items | None = None) -> TrainingData:
    """What components are fitted on: ``toy_histories()`` over ``toy_items()``, or others in their place."""
    return TrainingData(
        toy_histories() if histories is None else histories, toy_items() if items is None else items
    )


def toy_items() -> Items:
    """Forty items with tags, a number, a category, a title and a time; some values are missing."""
    positions = np.arange(ITEMS)
    kind = np.where(positions < ITEMS // 2, "red", "blue")
    return Items(
        pl.DataFrame(
            {
                "item": [f"i{p}" for p in positions],
                "title": [f"Item {p}" for p in positions],
                "colours": [[k] if p % 7 else [k, "shiny"] for p, k in zip(positions, kind, strict=True)],
                "brand": [None if p % 11 == 0 else f"brand {p % 3}" for p in positions],
                "price": [None if p % 13 == 0 else float(p) for p in positions],
                "released": (positions * DAY).astype(np.int64),
            }
        )
    )


def toy_new_items() -> pl.DataFrame:
    """Rows that are appended to the catalogue while it serves: unseen words, a huge number, missing values."""
    return pl.DataFrame(
        {
            "item": [f"new{n}" for n in range(NEW_ITEMS)],
            "title": ["Item of novelty", None, "Item 1", "", "Neuheit"],
            "colours": [["ultraviolet"], ["red", "infrared"], [], None, ["blue"]],
            "brand": ["brand 99", None, "brand 0", "brand 1", "brand 99"],
            "price": [1e12, None, 0.0, 7.0, -1.0],
            "released": [None, 100 * DAY, 0, 61 * DAY, 5 * DAY],
        },
        schema=toy_items().table.schema,
    )


def toy_histories(seed: int = 0, rows: int = USERS) -> Histories:
    """Each row has 4 to 12 events, nine in ten with its own kind of item: even rows red, odd rows blue."""
    rng = np.random.default_rng(seed)
    items, at, value = [], [], []
    for row in range(rows):
        own = rng.choice(ITEMS // 2, size=int(rng.integers(4, 13)), replace=False) + (ITEMS // 2) * (row % 2)
        stray = rng.random(len(own)) < 0.1
        row_items = np.unique(np.where(stray, (own + ITEMS // 2) % ITEMS, own))
        rng.shuffle(row_items)
        items.append(row_items.tolist())
        at.append((np.sort(rng.integers(0, 60, len(row_items))) * DAY).tolist())
        value.append(rng.integers(1, 6, len(row_items)).astype(float).tolist())
    return Histories.from_lists(items, at, value)


def toy_queries(seed: int = 1, rows: int = 12) -> Queries:
    """Queries with histories like those of training; one in the middle has none."""
    histories = toy_histories(seed, rows)
    keep = np.arange(rows) != rows // 2
    return Queries(histories.where(np.repeat(keep, histories.lengths)), np.full(rows, 61 * DAY))


def with_new_events(queries: Queries) -> Queries:
    """The same queries after one more event each, with one of the items of ``toy_new_items``."""
    old = queries.histories
    ends = old.offsets[1:]

    def appended(column: AnyArray, values: AnyArray | float) -> AnyArray:
        return np.insert(column, ends, values)

    histories = replace(
        old,
        offsets=old.offsets + np.arange(len(old.offsets)),
        items=appended(old.items, ITEMS + np.arange(len(old)) % NEW_ITEMS).astype(np.int32),
        at=appended(old.at, queries.at - 1),
        event=appended(old.event, 0),
        value=appended(old.value, 5.0),
    )
    return replace(queries, histories=histories)


def everything(queries: Queries, items: int = ITEMS) -> Allowed:
    """All items are allowed for every query."""
    return Allowed(np.ones(items, bool), Ragged.from_lists([[]] * len(queries)))


def restricted(queries: Queries, items: int = ITEMS) -> Allowed:
    """Every third item is allowed to no query, and each row's own history not to that row."""
    return Allowed(np.arange(items) % 3 > 0, Ragged(queries.histories.offsets, queries.histories.items))
