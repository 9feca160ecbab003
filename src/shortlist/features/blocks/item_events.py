"""Features of an item's events: as of any past moment, or now, from one matrix that the event stream keeps fresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shortlist.base.growable import with_capacity
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments, Positions
from shortlist.features.event_definition import EventDefinition, priors
from shortlist.features.kind import Block, BlockInputs
from shortlist.features.readers.item_readers import LiveItems


def item_events(definitions: Sequence[EventDefinition], inputs: BlockInputs) -> ItemEventsBlock:
    """The block for the readers that there are."""
    return MaterializedBlock(definitions, inputs) if inputs.live else ItemEventsBlock(definitions, inputs)


class ItemEventsBlock(Block):
    """A few look-ups for each definition, in whichever readers there are."""

    definitions: Sequence[EventDefinition]

    def __init__(self, definitions: Sequence[EventDefinition], inputs: BlockInputs) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.inputs, self.readers = definitions, inputs, inputs.readers
        self._priors = priors(definitions, inputs)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """As of the moment of each query."""
        t, context = queries.at[candidates.rows], context_of(queries, candidates)
        table = np.empty((len(candidates), len(self.names)), np.float32)
        for place in range(len(self.names)):
            table[:, place] = self.column(place, candidates.items, t, context)
        return table

    def column(self, place: int, items: Positions, t: Moments, context: AnyArray | None) -> AnyArray:
        """One feature of each item at each t, float64; NaN where it is of a context that is missing."""
        each = self.definitions[place]
        keys = self.readers.keys(items, t, context, each.context)
        value = each.value(self.readers.of(each.context), np.maximum(keys, 0), t, self._priors[place])
        return value if each.context is None else np.where(keys < 0, np.nan, value)

    def with_new_items(self, items: Items) -> ItemEventsBlock:
        """With readers of as many items."""
        readers = self.readers.with_new_items(len(items))
        return type(self)(self.definitions, replace(self.inputs, readers=readers, items=items))


class MaterializedBlock(ItemEventsBlock):
    """The same features as ItemEventsBlock's, now, taken from a matrix float32[items, names].

    A value that only events and the turn of a tile change is computed for the items that they touched; one
    that time itself changes, or that a context divides, is computed for the candidates.
    """

    readers: LiveItems

    def __init__(self, definitions: Sequence[EventDefinition], inputs: BlockInputs) -> None:
        super().__init__(definitions, inputs)
        places = range(len(definitions))
        self._moving = [n for n in places if definitions[n].per or definitions[n].moves]
        self._still = [n for n in places if n not in self._moving]
        self._matrix = np.empty((self.readers.items, len(definitions)), np.float32)
        self._items = self.readers.items
        self.readers.changes()  # from here on
        self._fill(np.arange(self._items))

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Rows of the matrix, and a few look-ups for each definition that moves."""
        with self.readers.lock:
            self.readers.advance(int(queries.at.max(initial=0)))
            changes = self.readers.changes()
            if len(changes):
                self._fill(changes)
            table: Floats = self._matrix.take(candidates.items, axis=0)
            if self._moving:
                t, context = queries.at[candidates.rows], context_of(queries, candidates)
                for place in self._moving:
                    table[:, place] = self.column(place, candidates.items, t, context)
        return table

    def with_new_items(self, items: Items) -> MaterializedBlock:
        """This block: like the readers it is one for all who serve, however many items each of them has."""
        with self.readers.lock:
            self.readers.with_new_items(len(items))
            if len(items) > self._items:
                self._matrix = with_capacity(self._matrix, len(items), axis=0)
                fresh = np.arange(self._items, len(items))
                self._items = len(items)
                self._fill(fresh)
        return self

    def _fill(self, items: AnyArray) -> None:
        t = np.zeros(len(items), np.int64)  # what is still does not depend on it
        for place in self._still:
            self._matrix[items, place] = self.column(place, items, t, None)


def context_of(queries: Queries, candidates: Candidates) -> AnyArray | None:
    """The context of each candidate's query, int16[candidates, contexts]."""
    return None if queries.context is None else queries.context[candidates.rows]
