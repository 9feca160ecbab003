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
from shortlist.base.threads import limited_threads
from shortlist.base.top import top
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.retrieval._interactions import matrix, recency, strongest
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class EASE(Source):
    """Items that co-occur with those of a history, by a linear model with an exact solution.

    Solves ``min ||X - XB||² + regularization ||B||²`` with a zero diagonal (Steck, "Embarrassingly Shallow
    Autoencoders for Sparse Data", WWW 2019). Covers the ``max_items`` most popular items, since time grows
    with the cube of their number and memory with its square: up to 12 bytes while training (1.2 GB for 10,000),
    4 in a release and in each serving process.
    """

    regularization: float = field(default=300.0, metadata={"doc": "L2 penalty; more for sparser data"})
    half_life: float = field(default=20.0, metadata={"doc": "events after which a past event counts half"})
    max_items: int = field(
        default=10_000, metadata={"doc": "most popular items that it covers; 12 bytes × its square to train"}
    )

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedEASE:
        """Learn item-to-item weights, float32[covered, covered]."""
        histories, count = data.histories, len(data.items)
        events = np.bincount(histories.items, minlength=count)
        covered = np.sort(np.argsort(-events, kind="stable")[: self.max_items]).astype(np.int32)
        covered = covered[events[covered] > 0]
        X = matrix(histories, count)[:, covered]
        B = np.zeros((len(covered), len(covered)), np.float32)
        if len(covered):
            with limited_threads(options.threads):
                G = np.asfortranarray((X.T @ X).toarray())
                G[np.diag_indices_from(G)] += self.regularization
                P = linalg.inv(G, overwrite_a=True, check_finite=False, assume_a="pos")
            del G
            np.divide(P, -np.diag(P), out=B)
            np.fill_diagonal(B, 0.0)
        return FittedEASE(B, covered, count, self.half_life)


class FittedEASE(FittedSource):
    """``encode`` gives dense scores of the covered items, float32[queries, covered]."""

    def __init__(self, weights: Floats, covered: Positions, items: int, half_life: float) -> None:
        self.weights, self.covered, self.items, self.half_life = weights, covered, items, half_life
        self.place = np.full(items, -1, np.int32)  # of each item among those covered
        self.place[covered] = np.arange(len(covered), dtype=np.int32)

    def encode(self, queries: Queries) -> tuple[Histories, Floats]:
        """The sum of the weights of each history's items, weighted by recency."""
        histories = queries.histories.remapped(self.place)
        W = matrix(histories, len(self.covered), recency(histories, self.half_life))
        return histories, np.asarray(W @ self.weights, dtype=np.float32)

    def search(self, encoded: tuple[Histories, Floats], n: int, allowed: Allowed) -> Retrieved:
        """The best covered items of each row that has a history."""
        histories, scores = encoded
        scores = scores.copy()
        allowed.among(self.covered, self.place).hide(scores)
        scores[histories.lengths == 0] = -np.inf
        best = top(scores, n)
        return Retrieved(best.rows, self.covered[best.items], best.scores)

    def score(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Floats:
        """0 for items that are not covered."""
        place = self.place[items]
        if not len(self.covered):
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
        return np.where(event >= 0, self.covered[histories.items[event]], -1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Three arrays."""
        shape = np.array([self.items, self.half_life])
        save_arrays(folder, weights=self.weights, covered=self.covered, shape=shape)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Weights stay mapped to the file."""
        items, half_life = load_array(folder, "shape")
        return cls(load_array(folder, "weights"), load_array(folder, "covered"), int(items), float(half_life))
