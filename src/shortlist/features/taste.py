"""What the things are like that a person did, on average, and how far from it a candidate is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Mask
from shortlist.features.block import Block
from shortlist.features.timeline import Timeline
from shortlist.features.user import of_event
from shortlist.system.event import Event
from shortlist.system.features import Distance, Popularity, Similarity, Window

Taste = Popularity | Distance | Similarity


class TasteBlock(Block):
    """Means over windows of a history: of popularity, of a number, of a vector."""

    definitions: Sequence[Taste]

    def __init__(
        self, definitions: Sequence[Taste], items: Items, popularity: Floats, codes: Mapping[Event, int]
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.codes = definitions, codes
        self.popularity = popularity  # log(1 + events) of each item when the model learned
        self.numbers = {
            each.per: items.table[str(each.per)].to_numpy()
            for each in definitions
            if isinstance(each, Distance)
        }
        self.vectors = {
            each.per: vectors_of(items, str(each.per)) for each in definitions if isinstance(each, Similarity)
        }

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where either side is unknown."""
        table = np.empty((len(candidates), len(self.names)), np.float32)
        windows: dict[tuple[Event, Window], Histories] = {}
        for place, each in enumerate(self.definitions):
            if (each.event, each.over) not in windows:
                mine = of_event(queries.histories, each.event, self.codes)
                kept = inside(mine, queries, each.over)
                windows[each.event, each.over] = mine if kept.all() else mine.where(kept)
            table[:, place] = self._column(each, windows[each.event, each.over], candidates)
        return table

    def _column(self, definition: Taste, window: Histories, candidates: Candidates) -> AnyArray:
        match definition:
            case Popularity():
                return row_mean(window.offsets, self.popularity[window.items])[candidates.rows]
            case Distance():
                numbers = self.numbers[definition.per]
                usual = row_mean(window.offsets, numbers[window.items])[candidates.rows]
                distance: AnyArray = numbers[candidates.items] - usual
                return distance
            case Similarity():
                vectors = self.vectors[definition.per]
                return cosine(row_sum(window, vectors), vectors, candidates)


def inside(histories: Histories, queries: Queries, window: Window) -> Mask:
    """Which events are in each row's window."""
    low, high = Timeline.of(histories).span(np.arange(len(histories)), queries.at, window)
    place = np.arange(len(histories.items))
    kept: Mask = (place >= np.repeat(low, histories.lengths)) & (place < np.repeat(high, histories.lengths))
    return kept


def vectors_of(items: Items, attribute: str) -> Floats:
    """A vector attribute as float32[items, length]; zeros where an item has none."""
    column = items.table[attribute]
    length = max(column.list.len().drop_nulls(), default=0)
    found = np.zeros((len(items), length), np.float32)
    some = column.is_not_null().to_numpy()
    if some.any():
        found[some] = column.drop_nulls().list.to_array(length).to_numpy()
    return found


def row_sum(histories: Histories, vectors: Floats) -> Floats:
    """The sum of the vectors of each row's items, float32[rows, length]."""
    sums = np.zeros((len(histories), vectors.shape[1]), np.float32)
    some = histories.lengths > 0
    if some.any():
        sums[some] = np.add.reduceat(vectors[histories.items], histories.offsets[:-1][some], axis=0)
    return sums


def cosine(sums: Floats, vectors: Floats, candidates: Candidates) -> AnyArray:
    """Between each candidate's vector and the sum (so the mean) of its row; NaN where one has no direction."""
    own, usual = vectors[candidates.items], sums[candidates.rows]
    dot = np.einsum("cd,cd->c", own, usual)
    size = np.sqrt(np.einsum("cd,cd->c", own, own) * np.einsum("cd,cd->c", usual, usual))
    found: AnyArray = np.divide(dot, size, out=np.full(len(dot), np.nan, np.float32), where=size > 0)
    return found


def row_mean(offsets: AnyArray, values: AnyArray) -> AnyArray:
    """The mean of each row's values, NaNs left out; NaN where there are none."""
    known = ~np.isnan(values)
    totals = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0), dtype=np.float64)])
    counts = np.concatenate([[0], np.cumsum(known)])
    total, count = np.diff(totals[offsets]), np.diff(counts[offsets])
    mean: AnyArray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean
