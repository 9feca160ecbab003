"""Diversity: maximal marginal relevance."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from shortlist.base.errors import DeclarationError
from shortlist.base.items import CodedColumn, Items
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.system.contracts import FittedOrder, Order

POOL_FACTOR = 5  # the n places of a row are chosen from its n × POOL_FACTOR best candidates


@dataclass(frozen=True, kw_only=True)
class Diversity(Order):
    """Maximal marginal relevance by an attribute.

    Picks one by one the candidate with the largest ``(1 - strength) · value - strength · similarity``,
    where value is scaled to [0, 1] within the row's pool and similarity is the largest Jaccard similarity of
    its attribute to any candidate picked before (Carbonell and Goldstein, SIGIR 1998).
    """

    by: str = field(metadata={"doc": "the attribute to diversify by: tags or a category"})
    strength: float = field(default=0.2, metadata={"doc": "0 keeps the order, 1 ignores the values"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.strength <= 1:
            raise DeclarationError(f"Diversity: strength must be between 0 and 1, not {self.strength}")

    def fit(self, items: Items) -> FittedOrder:
        """Read the attribute as sets of words. Raises DeclarationError where there is no such attribute."""
        if self.by not in items.table.columns:
            known = [name for name in items.table.columns if name != "item"]
            raise DeclarationError(
                f"Diversity(by={self.by!r}): no such attribute; {did_you_mean(self.by, known)}"
            )
        return FittedDiversity(items.words(self.by), self.strength)


class FittedDiversity(FittedOrder):
    """The words of every item, by which similarity is measured."""

    def __init__(self, words: CodedColumn, strength: float) -> None:
        self.words, self.strength = words, strength

    def arrange(self, rows: Rows, items: Positions, values: Floats, n: int) -> AnyArray:
        """Greedy picks within each row."""
        order = np.arange(len(rows))
        if not self.strength or not len(rows):
            return order
        edges = np.flatnonzero(np.diff(rows, prepend=-1, append=rows[-1] + 1))
        for start, stop in pairwise(edges):
            pool = np.arange(start, min(stop, start + n * POOL_FACTOR))
            order[pool] = pool[self._pick(items[pool], values[pool], min(n, len(pool)))]
        return order

    def _pick(self, items: Positions, values: Floats, n: int) -> AnyArray:
        """The pool's order after ``n`` greedy picks; the rest follows by value."""
        spread = float(values.max() - values.min()) or 1.0
        relevance = (1 - self.strength) * (values - values.min()) / spread
        similarity = self._similarity(items)
        penalty = np.zeros(len(items), np.float32)
        remaining = np.ones(len(items), bool)
        picks = np.empty(n, np.int64)
        for place in range(n):
            gain = np.where(remaining, relevance - self.strength * penalty, -np.inf)
            best = int(np.argmax(gain))
            picks[place] = best
            remaining[best] = False
            np.maximum(penalty, similarity[best], out=penalty)
        return np.concatenate([picks, np.flatnonzero(remaining)])

    def _similarity(self, items: Positions) -> Floats:
        """Jaccard similarity of every two items' words, float32[pool, pool]."""
        place, code = self.words.take(items)
        words, dense = np.unique(code, return_inverse=True)
        has = np.zeros((len(items), len(words)), np.float32)
        has[place, dense] = 1.0
        shared = has @ has.T
        size = has.sum(1)
        union = size[:, None] + size[None, :] - shared
        similarity: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
        return similarity
