"""EASE: a linear autoencoder in closed form."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from scipy import linalg

from shortlist.base.files import load_array, save_arrays
from shortlist.base.histories import Histories
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.top import top
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.retrieval._interactions import matrix, recency, strongest
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class EASE(Source):
    """Items that go together with a history, by a linear model with an exact solution.

    Solves ``min ||X - XB||² + regularization ||B||²`` with a zero diagonal (Steck, "Embarrassingly Shallow
    Autoencoders for Sparse Data", WWW 2019). Costs memory and time with the square and cube of the items it
    knows, so it knows the ``max_items`` most popular.
    """

    regularization: float = field(default=300.0, metadata={"doc": "L2 penalty; more for sparser data"})
    half_life: float = field(default=20.0, metadata={"doc": "events after which a past event counts half"})
    max_items: int = field(
        default=10_000, metadata={"doc": "most popular items it knows; 4 bytes × its square"}
    )

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedEASE:  # noqa: ARG002
        """Learn item-to-item weights, float32[known, known]."""
        histories, items = data.histories, data.items
        counts = np.bincount(histories.items, minlength=len(items))
        known = np.sort(np.argsort(-counts, kind="stable")[: self.max_items]).astype(np.int32)
        known = known[counts[known] > 0]
        X = matrix(histories, len(items))[:, known]
        G = np.asarray((X.T @ X).todense(), dtype=np.float32)
        G[np.diag_indices_from(G)] += self.regularization
        if len(known):
            P = linalg.inv(G, overwrite_a=True, check_finite=False, assume_a="pos")
            weights = np.ascontiguousarray(P / -np.diag(P), dtype=np.float32)
            np.fill_diagonal(weights, 0.0)
        else:
            weights = G
        return FittedEASE(weights, known, len(items), self.half_life)


class FittedEASE(FittedSource):
    """``encode`` gives dense scores over the known items, float32[queries, known]."""

    def __init__(self, weights: Floats, known: Positions, items: int, half_life: float) -> None:
        self.weights, self.known, self.items, self.half_life = weights, known, items, half_life
        self.place = np.full(items, -1, np.int32)
        self.place[known] = np.arange(len(known), dtype=np.int32)

    def encode(self, queries: Queries) -> tuple[Histories, Floats]:
        """Sum of the weights of each history's items, faded by recency."""
        histories = queries.histories.remapped(self.place)
        W = matrix(histories, len(self.known), recency(histories, self.half_life))
        return histories, np.asarray(W @ self.weights, dtype=np.float32)

    def search(self, encoded: tuple[Histories, Floats], n: int, allowed: Allowed) -> Retrieved:
        """The best known items of each row that has a history."""
        histories, scores = encoded
        scores = scores.copy()
        allowed.among(self.known, self.place).hide(scores)
        scores[histories.lengths == 0] = -np.inf
        found = top(scores, n)
        return Retrieved(found.rows, self.known[found.items], found.scores)

    def score(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Floats:
        """0 for items it does not know."""
        place = self.place[items]
        if not len(self.known):
            return np.zeros(len(rows), np.float32)
        return np.where(place >= 0, encoded[1][rows, place], np.float32(0.0))

    def because(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Positions:
        """The history item with the largest weight for each item."""
        histories = encoded[0]

        def weight(pair: AnyArray, event: AnyArray) -> Floats:
            place = self.place[items[pair]]
            weights: Floats = self.weights[histories.items[event], place]
            return np.where(place >= 0, weights, np.float32(0.0)) * recency(histories, self.half_life)[event]

        event = strongest(histories, rows, weight)
        return np.where(event >= 0, self.known[histories.items[event]], -1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Three arrays."""
        shape = np.array([self.items, self.half_life])
        save_arrays(folder, weights=self.weights, known=self.known, shape=shape)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Weights stay mapped to the file."""
        items, half_life = load_array(folder, "shape")
        return cls(load_array(folder, "weights"), load_array(folder, "known"), int(items), float(half_life))
