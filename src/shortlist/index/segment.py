"""A segment of an index: vectors sorted by their item, and the exact scan over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from shortlist.base.types import AnyArray, Floats, Mask, Positions, Rows

BLOCK_FLOATS = 8_000_000  # scores or vectors in memory at a time; 32 MB
GATHER_COST = 10  # reading one vector at random takes as long as reading so many in a row


class Segment(ABC):
    """Vectors of items. A *place* is the row of a vector; the vectors of one item are in the order of addition."""

    keys: Positions  # int32[vectors], the item of each place, ascending

    @abstractmethod
    def take(self, places: AnyArray | slice) -> Floats:
        """The vectors at ``places`` (numbers or a slice), float32[places, size]."""

    @cached_property
    def starts(self) -> Rows:
        """The first place of each item that has a vector."""
        return np.flatnonzero(np.diff(self.keys, prepend=-1))

    @cached_property
    def items(self) -> Positions:
        """The items that have a vector, ascending."""
        return self.keys if len(self.starts) == len(self.keys) else self.keys[self.starts]

    def places_of(self, items: Positions) -> tuple[Rows, Rows, Rows]:
        """All vectors of ``items``: (index into ``items``, place, ordinal among the item's own) of each."""
        first, lengths = self._spans(items)
        if (lengths == 1).all():
            return np.arange(len(items)), first, np.zeros(len(items), np.int64)
        index = np.repeat(np.arange(len(items)), lengths)
        ordinal = np.arange(len(index)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return index, first[index] + ordinal, ordinal

    def _spans(self, items: Positions) -> tuple[Rows, Rows]:
        """The first place of each item, and how many places it has."""
        first = np.searchsorted(self.keys, items)
        return first, np.searchsorted(self.keys, items, side="right") - first

    def best_scores(self, query: Floats, items: Positions) -> Floats:
        """The best score of each of ``items``, which all have a vector, for one query: float32[items]."""
        index, places, ordinal = self.places_of(items)
        scores = self.take(places) @ query
        return (
            scores if len(index) == len(items) else np.maximum.reduceat(scores, np.flatnonzero(ordinal == 0))
        )

    def scan(self, queries: Floats, allowed: Mask) -> tuple[Positions, Floats]:
        """Items, ascending, and their best scores, float32[queries, items]; -inf for items that are not allowed.

        ``allowed``, bool[items], marks only items that have a vector here. Reads every vector, or only those of
        the allowed items where they are few.
        """
        count = np.count_nonzero(allowed)
        if count * GATHER_COST < len(self.items):
            items = np.flatnonzero(allowed).astype(np.int32)
            _, places, ordinal = self.places_of(items)
            return items, self._best_by_item(self._scores(queries, places), np.flatnonzero(ordinal == 0))
        scores = self._best_by_item(self._scores(queries, None), self.starts)
        if count < len(self.items):
            scores[:, ~allowed[self.items]] = -np.inf
        return self.items, scores

    def _best_by_item(self, scores: Floats, starts: Rows) -> Floats:
        if not len(starts) or len(starts) == scores.shape[1]:
            return scores
        best: Floats = np.maximum.reduceat(scores, starts, axis=1)
        return best

    def _scores(self, queries: Floats, places: Rows | None) -> Floats:
        """float32[queries, places]; None: every place."""
        count = len(self.keys) if places is None else len(places)
        scores = np.empty((len(queries), count), np.float32)
        step = max(1, BLOCK_FLOATS // max(1, queries.shape[1]))
        for first in range(0, count, step):
            some = slice(first, first + step)
            np.matmul(queries, self.take(some if places is None else places[some]).T, out=scores[:, some])
        return scores
