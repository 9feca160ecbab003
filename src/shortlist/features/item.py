"""What is known about an item alone: its numbers, and how often and how well it did."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from shortlist.base.columns import DAY, ITEM
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats
from shortlist.features.block import Block

RECENT = 30 * DAY
PRIOR = 5.0  # events' worth of the overall mean in an item's mean value


def item_matrix(histories: Histories, items: Items) -> tuple[list[str], Floats]:
    """Names and values, float32[items, names], of what is known about each item at the end of ``histories``."""
    columns: dict[str, AnyArray] = {}
    ever = np.bincount(histories.items, minlength=len(items))
    columns["item_events"] = np.log1p(ever)
    newest = int(histories.at.max(initial=0))
    recent = np.bincount(histories.items[histories.at > newest - RECENT], minlength=len(items))
    columns["item_events_30d"] = np.log1p(recent)
    rated = ~np.isnan(histories.value)
    if rated.any():
        mean = float(histories.value[rated].mean())
        count = np.bincount(histories.items[rated], minlength=len(items))
        total = np.bincount(histories.items[rated], weights=histories.value[rated], minlength=len(items))
        columns["item_value"] = (total + PRIOR * mean) / (count + PRIOR)
    for name, kind in items.table.schema.items():
        if kind.is_float():
            columns[f"item_{name}"] = items.table[name].to_numpy()
    matrix = np.stack(list(columns.values()), axis=1).astype(np.float32)
    return list(columns), matrix


class ItemBlock(Block):
    """Rows of one matrix in the process, taken by position."""

    def __init__(self, names: list[str], matrix: Floats) -> None:
        self.names, self.matrix = names, matrix

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:  # noqa: ARG002
        """A take."""
        taken: Floats = self.matrix[candidates.items]
        return taken


class AgeBlock(Block):
    """How old an item is when the query asks, in days, for a Time attribute."""

    def __init__(self, items: Items, attribute: str) -> None:
        self.names = [f"age_{attribute}"]
        self.at = items.table[attribute].cast(pl.Float64).to_numpy()

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Days; below 0 before the item's time."""
        days = (queries.at[candidates.rows] - self.at[candidates.items]) / DAY
        return np.asarray(days[:, None], dtype=np.float32)


def attributes(items: Items, kind: str) -> list[str]:
    """The catalogue's attributes of a kind: ``words`` (tags, categories), ``number`` or ``time``."""
    kinds: dict[str, Callable[[pl.DataType], bool]] = {
        "words": lambda dtype: isinstance(dtype, pl.List | pl.String),
        "number": lambda dtype: dtype.is_float(),
        "time": lambda dtype: dtype.is_integer(),
    }
    return [name for name, dtype in items.table.schema.items() if name != ITEM and kinds[kind](dtype)]
