"""Features that items own, now: one matrix in the process, keyed by position, kept fresh by the event stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats
from shortlist.features.item import ItemBlock, LiveItems, context_of
from shortlist.system.features import Decayed, Feature, Since


class ReadyBlock(ItemBlock):
    """The same features as ItemBlock's, taken from a matrix float32[items, names].

    A value that only events and the turn of a tile change is computed for the items that they touched; one
    that time itself changes, or that differs by the hour, is computed for the candidates.
    """

    readers: LiveItems

    def __init__(
        self, definitions: Sequence[Feature], prior: Mapping[str, float], readers: LiveItems
    ) -> None:
        super().__init__(definitions, prior, readers)
        places = range(len(definitions))
        self.moving = [n for n in places if definitions[n].per or isinstance(definitions[n], Since | Decayed)]
        self.still = [n for n in places if n not in self.moving]
        self.matrix = np.empty((readers.items, len(definitions)), np.float32)
        readers.changes()  # from here on
        self._fill(np.arange(readers.items))

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Rows of the matrix, and a few look-ups for each definition that moves."""
        with self.readers.lock:
            self.readers.advance(int(queries.at.max(initial=0)))
            changes = self.readers.changes()
            if len(changes):
                self._fill(changes)
            table: Floats = self.matrix.take(candidates.items, axis=0)
            if self.moving:
                t, context = queries.at[candidates.rows], context_of(queries, candidates)
                for place in self.moving:
                    table[:, place] = self.column(place, candidates.items, t, context)
        return table

    def _fill(self, items: AnyArray) -> None:
        t = np.zeros(len(items), np.int64)  # what is still does not depend on it
        for place in self.still:
            self.matrix[items, place] = self.column(place, items, t, None)
