"""A toy world with a known right answer: people of two tastes, and items of two kinds."""

from __future__ import annotations

import numpy as np
import polars as pl

from shortlist.base.columns import DAY
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Ragged
from shortlist.system.contracts import TrainingData

ITEMS = 40  # the first half is of one kind, the second of the other
PEOPLE = 120


def toy_items() -> Items:
    """Forty items with tags, a number, a category, a title and a moment; some are unknown."""
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


def toy_histories(seed: int = 0, rows: int = PEOPLE) -> Histories:
    """Each row does 4 to 12 things, nine in ten of its own kind: even rows of the first, odd of the second."""
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
    """Some rows as queries, and among them one without a history."""
    histories = toy_histories(seed, rows)
    lengths = np.arange(rows) != rows // 2
    return Queries(histories.where(np.repeat(lengths, histories.lengths)), np.full(rows, 61 * DAY))


def everything(queries: Queries) -> Allowed:
    """Nothing is forbidden."""
    return Allowed(np.ones(ITEMS, bool), Ragged.from_lists([[]] * len(queries)))


def restricted(queries: Queries) -> Allowed:
    """Every third item is forbidden to everybody, and each row's own history to that row."""
    return Allowed(np.arange(ITEMS) % 3 > 0, Ragged(queries.histories.offsets, queries.histories.items))


def toy_data(histories: Histories | None = None, items: Items | None = None) -> TrainingData:
    """What components are fitted on: the toy world, or parts of your own."""
    return TrainingData(
        toy_histories() if histories is None else histories, toy_items() if items is None else items
    )
