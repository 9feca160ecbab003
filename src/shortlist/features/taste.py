"""What the things are like that a person did, on average, and how far from it a candidate is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats
from shortlist.features.block import Block
from shortlist.features.readers.history_reader import Own, events_of, mean_of, of_event
from shortlist.system.event import Event
from shortlist.system.features import Distance, Popularity, Similarity

Taste = Popularity | Distance | Similarity


class TasteBlock(Block):
    """Means over windows of a history: of popularity, of a number, of a vector."""

    definitions: Sequence[Taste]

    def __init__(
        self, definitions: Sequence[Taste], items: Items, popularity: Floats, codes: Mapping[Event, int]
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.codes = definitions, codes
        self.events = events_of(definitions)
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
        readers = {event: self._reader(queries, event) for event in self.events}
        prior = np.zeros((len(queries), len(self.names)))
        for place, each in enumerate(self.definitions):
            mine, own = readers[each.event]
            if not isinstance(each, Similarity):
                numbers = self.popularity if isinstance(each, Popularity) else self.numbers[each.per]
                prior[:, place] = mean_of(*own.totals(numbers[mine.items], each.over))
        table = prior.take(candidates.rows, axis=0)
        for place, each in enumerate(self.definitions):
            if isinstance(each, Distance):
                table[:, place] = self.numbers[each.per].take(candidates.items) - table[:, place]
            elif isinstance(each, Similarity):
                mine, own = readers[each.event]
                vectors = self.vectors[each.per]
                sums = row_sum(mine.where(own.inside(each.over)), vectors)
                table[:, place] = cosine(sums, vectors, candidates)
        return table.astype(np.float32)

    def _reader(self, queries: Queries, event: Event) -> tuple[Histories, Own]:
        mine = of_event(queries.histories, event, self.codes)
        return mine, Own(mine, queries.at)


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
    own, prior = vectors[candidates.items], sums[candidates.rows]
    dot = np.einsum("cd,cd->c", own, prior)
    size = np.sqrt(np.einsum("cd,cd->c", own, own) * np.einsum("cd,cd->c", prior, prior))
    found: AnyArray = np.divide(dot, size, out=np.full(len(dot), np.nan, np.float32), where=size > 0)
    return found
