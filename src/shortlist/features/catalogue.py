"""Columns of the catalogue itself: numbers, words, lengths, ages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from shortlist.base.columns import DAY
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.block import Block
from shortlist.features.words import columns_of
from shortlist.system.static_features import ItemAttribute, Length


class CatalogueBlock(Block):
    """What does not change: one matrix in the process, whose rows are taken by position."""

    def __init__(self, items: Items, definitions: Sequence[ItemAttribute | Length]) -> None:
        parts = [(each, *_columns(items, each)) for each in definitions]
        self.names = [name for _, names, _ in parts for name in names]
        self.definitions = [each for each, names, _ in parts for _ in names]
        self.matrix = np.concatenate(
            [np.zeros((len(items), 0), np.float32), *(table for *_, table in parts)], axis=1
        )

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:  # noqa: ARG002
        """Rows of the matrix."""
        taken: Floats = self.matrix.take(candidates.items, axis=0)
        return taken


class AgeBlock(Block):
    """How old an item is when the query asks, in days, by attributes that are times."""

    def __init__(self, items: Items, definitions: Sequence[ItemAttribute]) -> None:
        self.names = [f"age_{each.attribute}" for each in definitions]
        self.definitions = definitions
        moments = [items.table[each.attribute].cast(pl.Float64).to_numpy() for each in definitions]
        self.at = np.stack(moments, axis=1) if moments else np.zeros((len(items), 0))

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Days; below 0 before the item's time."""
        days = (queries.at[candidates.rows][:, None] - self.at[candidates.items]) / DAY
        return np.asarray(days, dtype=np.float32)


def _columns(items: Items, definition: ItemAttribute | Length) -> tuple[list[str], Floats]:
    name = definition.attribute
    column = items.table[name]
    if isinstance(definition, Length):
        size = column.list.len() if isinstance(column.dtype, pl.List) else column.str.len_chars()
        return [f"item_{name}_length"], _one(size)
    if column.dtype.is_numeric():
        return [f"item_{name}"], _one(column)
    words, table = columns_of(items, name, definition.most)
    return [f"item_{name}={word}" for word in words], table


def _one(column: pl.Series) -> Floats:
    numbers: Floats = column.cast(pl.Float32).to_numpy()[:, None]
    return numbers
