"""Implicit alternating least squares: a matrix factorisation that folds in anybody's history at query time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from shortlist.base.files import load_array, save_arrays
from shortlist.base.histories import Histories
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.threads import one_thread
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index import SegmentedIndex, VectorIndex
from shortlist.retrieval._interactions import matrix, recency, strongest
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions

CELLS_AT_ONCE = 8_000_000  # dense floats held while solving; 32 MB
ASKING = 128  # users whose searches the index is tuned by: they are not spread as the items are


@dataclass(frozen=True, kw_only=True)
class ALS(Source):
    """Vectors for items and, from a history alone, for whoever asks; scores are dot products.

    The implicit-feedback model of Hu, Koren and Volinsky (ICDM 2008) with the objective and the
    frequency-scaled regularization of Rendle et al. ("Revisiting the Performance of iALS on Item
    Recommendation Benchmarks", RecSys 2022): observed cells pull to 1, all cells to 0 with
    ``unobserved_weight``.
    """

    embedding_size: int = field(default=64, metadata={"doc": "numbers in a vector"})
    epochs: int = field(default=12, metadata={"doc": "alternations over users and items"})
    regularization: float = field(
        default=0.01, metadata={"doc": "L2 penalty, scaled by how often a row occurs"}
    )
    unobserved_weight: float = field(default=0.3, metadata={"doc": "pull of what did not happen, against 1"})
    half_life: float = field(default=20.0, metadata={"doc": "events after which a past event counts half"})

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedALS:
        """Learn item vectors, float32[items, embedding_size]."""
        histories, items, seed = data.histories, data.items, options.seed
        X = matrix(histories, len(items))
        shape = (len(items), self.embedding_size)
        rng = np.random.default_rng(seed)
        vectors: Floats = rng.normal(0, 0.1 / self.embedding_size**0.5, shape).astype(np.float32)
        vectors[np.diff(sparse.csc_array(X).indptr) == 0] = 0.0  # never seen, never found
        transposed = sparse.csr_array(X.T)
        users = vectors[:0]
        with one_thread():  # many small systems: threads inside each would only wait for each other
            for _ in range(self.epochs):
                users = FoldIn(vectors, self.regularization, self.unobserved_weight).solve(X)
                vectors = FoldIn(users, self.regularization, self.unobserved_weight).solve(transposed)
            asking = users[rng.permutation(len(users))[:ASKING]]
            index = SegmentedIndex.build(vectors, np.arange(len(items)), seed=seed, sample=asking)
        fold_in = FoldIn(vectors, self.regularization, self.unobserved_weight)
        return FittedALS(fold_in, self.half_life, index)


class FoldIn:
    """Vectors of rows, the vectors of what is in the rows given: least squares, in closed form."""

    def __init__(self, vectors: Floats, regularization: float, unobserved_weight: float) -> None:
        self.vectors, self.regularization, self.unobserved_weight = vectors, regularization, unobserved_weight
        self.everywhere = unobserved_weight * (vectors.T @ vectors)  # what all cells have in common

    def solve(self, X: sparse.csr_array) -> Floats:
        """float32[rows of X, embedding_size]; the data of ``X`` are the weights of observed cells."""
        size = self.vectors.shape[1]
        lengths = np.diff(X.indptr)
        vectors = np.zeros((X.shape[0], size), np.float32)
        rows = np.argsort(lengths, kind="stable")
        rows = rows[lengths[rows] > 0]
        start = 0
        while start < len(rows):
            # rows of like length are solved together; the longest of a group decides how many fit
            stop = start + 1
            while (
                stop < len(rows) and (stop - start + 1) * (lengths[rows[stop]] + size) * size <= CELLS_AT_ONCE
            ):
                stop += 1
            group = rows[start:stop]
            longest = int(lengths[group[-1]])
            place = X.indptr[group][:, None] + np.arange(longest)
            inside = np.arange(longest) < lengths[group][:, None]
            place = np.where(inside, place, 0)
            weights = np.where(inside, X.data[place], 0.0).astype(np.float32)
            known = self.vectors[X.indices[place]]  # [group, longest, size]
            weighted = known * weights[:, :, None]
            A = np.matmul(weighted.transpose(0, 2, 1), known) + self.everywhere
            scale = self.regularization * (weights.sum(1) + self.unobserved_weight * len(self.vectors))
            A[:, np.arange(size), np.arange(size)] += scale[:, None]
            vectors[group] = np.linalg.solve(A, weighted.sum(1)[:, :, None])[:, :, 0]
            start = stop
        return vectors


class FittedALS(FittedSource):
    """``encode`` gives a vector for each query, float32[queries, embedding_size]."""

    def __init__(self, fold_in: FoldIn, half_life: float, index: VectorIndex) -> None:
        self.fold_in, self.vectors, self.half_life, self.index = fold_in, fold_in.vectors, half_life, index

    def encode(self, queries: Queries) -> tuple[Histories, Floats]:
        """Fold in: the same least squares that made the user vectors in training."""
        histories = queries.histories
        W = matrix(histories, len(self.vectors), recency(histories, self.half_life))
        return histories, self.fold_in.solve(W)

    def search(self, encoded: tuple[Histories, Floats], n: int, allowed: Allowed) -> Retrieved:
        """The largest dot products, for rows that have a history."""
        histories, users = encoded
        known = np.flatnonzero(histories.lengths > 0)
        found = self.index.search(users[known], n, Allowed(allowed.shared, allowed.hidden.take(known)))
        return Retrieved(known[found.rows], found.items, found.scores)

    def score(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Floats:
        """The dot product."""
        return self.index.score(encoded[1], rows, items)

    def because(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Positions:
        """The history item nearest to each item, faded by recency."""
        histories = encoded[0]
        faded = recency(histories, self.half_life)

        def weight(pair: AnyArray, event: AnyArray) -> Floats:
            near: Floats = np.einsum(
                "ij,ij->i", self.vectors[items[pair]], self.vectors[histories.items[event]]
            )
            return near * faded[event]

        event = strongest(histories, rows, weight)
        return np.where(event >= 0, histories.items[event], -1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Vectors, their index, and the three numbers of the fold-in."""
        knobs = np.array([self.fold_in.regularization, self.fold_in.unobserved_weight, self.half_life])
        save_arrays(folder, vectors=self.vectors, knobs=knobs)
        self.index.save(folder / "index")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Vectors stay mapped to the file."""
        regularization, unobserved_weight, half_life = load_array(folder, "knobs").tolist()
        fold_in = FoldIn(load_array(folder, "vectors"), regularization, unobserved_weight)
        return cls(fold_in, half_life, SegmentedIndex.load(folder / "index"))
