"""A part of an index: vectors sorted by their item, and what follows from that alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from shortlist.base.types import AnyArray, Floats, Mask, Positions, Rows

CELLS_AT_ONCE = 8_000_000  # floats that are held at a time; 32 MB
GATHER = 10  # vectors that a scan reads in a row in the time of one that it has to look for


class Part(ABC):
    """Vectors of items. A *place* is that of a vector among them, an item's own in the order they came."""

    keys: Positions  # int32[vectors], the item of each place, rising

    @abstractmethod
    def take(self, places: AnyArray | slice) -> Floats:
        """The vectors at ``places`` (numbers or a slice), float32[places, size]."""

    @cached_property
    def starts(self) -> Rows:
        """The first place of each item that has a vector."""
        return np.flatnonzero(np.diff(self.keys, prepend=-1))

    @cached_property
    def items(self) -> Positions:
        """The items that have a vector, rising."""
        return self.keys if len(self.starts) == len(self.keys) else self.keys[self.starts]

    def of(self, items: Positions) -> tuple[Rows, Rows, Rows]:
        """All vectors of ``items``: (index into ``items``, place, which of the item's own) of each."""
        first, lengths = self._spans(items)
        if (lengths == 1).all():
            return np.arange(len(items)), first, np.zeros(len(items), np.int64)
        index = np.repeat(np.arange(len(items)), lengths)
        own = np.arange(len(index)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return index, first[index] + own, own

    def _spans(self, items: Positions) -> tuple[Rows, Rows]:
        """The first place of each item, and how many places it has."""
        first = np.searchsorted(self.keys, items)
        return first, np.searchsorted(self.keys, items, side="right") - first

    def best(self, query: Floats, items: Positions) -> Floats:
        """The best score of each of ``items``, which all have a vector, for one query: float32[items]."""
        index, places, own = self.of(items)
        scores = self.take(places) @ query
        return scores if len(index) == len(items) else np.maximum.reduceat(scores, np.flatnonzero(own == 0))

    def scan(self, queries: Floats, opened: Mask) -> tuple[Positions, Floats]:
        """Items, rising, and their best scores, float32[queries, items]; -inf where they are not open.

        ``opened`` marks items that have a vector. Reads everything, or only what is open where that is little.
        """
        kept = np.count_nonzero(opened)
        if kept * GATHER < len(self.items):
            items = np.flatnonzero(opened).astype(np.int32)
            _, places, own = self.of(items)
            return items, self._by_item(self._scores(queries, places), np.flatnonzero(own == 0))
        scores = self._by_item(self._scores(queries, None), self.starts)
        if kept < len(self.items):
            scores[:, ~opened[self.items]] = -np.inf
        return self.items, scores

    def _by_item(self, scores: Floats, starts: Rows) -> Floats:
        if not len(starts) or len(starts) == scores.shape[1]:
            return scores
        best: Floats = np.maximum.reduceat(scores, starts, axis=1)
        return best

    def _scores(self, queries: Floats, places: Rows | None) -> Floats:
        """float32[queries, places]; None: every place."""
        count = len(self.keys) if places is None else len(places)
        scores = np.empty((len(queries), count), np.float32)
        step = max(1, CELLS_AT_ONCE // max(1, queries.shape[1]))
        for first in range(0, count, step):
            some = slice(first, first + step)
            np.matmul(queries, self.take(some if places is None else places[some]).T, out=scores[:, some])
        return scores
