"""How a candidate fits what the asker did before: shared words, near numbers."""

from __future__ import annotations

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items, Words
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.features.block import Block
from shortlist.features.user import NEWEST, row_mean

PRIOR = 3.0  # events' worth of "no opinion" in the value a word got


class AffinityBlock(Block):
    """How much of a history shares the candidate's words: ever, lately, and how well those were valued."""

    def __init__(self, items: Items, attribute: str) -> None:
        self.names = [f"{attribute}_affinity", f"{attribute}_affinity_lately", f"{attribute}_value"]
        self.words = items.words(attribute)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Means over the candidate's words; NaN where it has none."""
        histories, lately = queries.histories, queries.histories.last(NEWEST)
        wanted = self.words.of(candidates.items)
        ever = _Profile(histories, self.words)
        columns = [
            ever.shares(candidates.rows, wanted),
            _Profile(lately, self.words).shares(candidates.rows, wanted),
            ever.values(candidates.rows, wanted),
        ]
        return np.stack(columns, axis=1).astype(np.float32)


class _Profile:
    """For each (row, word): in how many events it came, and their values against the row's mean."""

    def __init__(self, histories: Histories, words: Words) -> None:
        event, code = words.of(histories.items)
        rows = histories.rows
        deviation = histories.value - row_mean(histories.offsets, histories.value)[rows]
        self.size = max(words.size, 1)
        self.keys, place = np.unique(rows[event] * self.size + code, return_inverse=True)
        self.count = np.bincount(place, minlength=len(self.keys))
        self.deviation = np.bincount(place, weights=np.nan_to_num(deviation[event]), minlength=len(self.keys))
        self.lengths = histories.lengths

    def _look_up(self, table: AnyArray, rows: Rows, wanted: tuple[Rows, AnyArray]) -> AnyArray:
        """The mean of ``table`` over each candidate's words; a word that never came is 0."""
        place, code = wanted
        found = np.zeros(len(place))
        if len(self.keys):
            keys = rows[place] * self.size + code
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            found = np.where(self.keys[at] == keys, table[at], 0.0)
        total = np.bincount(place, weights=found, minlength=len(rows))
        count = np.bincount(place, minlength=len(rows))
        mean: AnyArray = np.divide(total, count, out=np.full(len(rows), np.nan), where=count > 0)
        return mean

    def shares(self, rows: Rows, wanted: tuple[Rows, AnyArray]) -> AnyArray:
        return self._look_up(self.count, rows, wanted) / np.maximum(self.lengths[rows], 1)

    def values(self, rows: Rows, wanted: tuple[Rows, AnyArray]) -> AnyArray:
        return self._look_up(self.deviation / (self.count + PRIOR), rows, wanted)


class DistanceBlock(Block):
    """How far a candidate's number is from the mean of the history's, ever and lately (signed)."""

    def __init__(self, items: Items, attribute: str) -> None:
        self.names = [f"{attribute}_distance", f"{attribute}_distance_lately"]
        self.numbers: Positions | AnyArray = items.table[attribute].to_numpy()

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where either side is unknown."""
        own = self.numbers[candidates.items]
        sides = [queries.histories, queries.histories.last(NEWEST)]
        means = [row_mean(side.offsets, self.numbers[side.items])[candidates.rows] for side in sides]
        return np.stack([own - mean for mean in means], axis=1).astype(np.float32)
