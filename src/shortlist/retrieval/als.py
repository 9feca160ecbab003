"""Implicit alternating least squares: a matrix factorisation that folds in a history at query time."""

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

BLOCK_FLOATS = 8_000_000  # dense floats in memory while solving; 32 MB
TUNING_QUERIES = 128  # user vectors that the index is tuned on: they are not distributed as item vectors


@dataclass(frozen=True, kw_only=True)
class ALS(Source):
    """Item vectors, and a query vector from a history alone; scores are dot products.

    The implicit-feedback model of Hu, Koren and Volinsky (ICDM 2008) with the objective and the
    frequency-scaled regularization of Rendle et al. ("Revisiting the Performance of iALS on Item
    Recommendation Benchmarks", RecSys 2022): observed cells have the target 1, all cells the
    target 0 with the weight ``unobserved_weight``.
    """

    embedding_size: int = field(default=64, metadata={"doc": "numbers in a vector"})
    epochs: int = field(default=12, metadata={"doc": "alternations over users and items"})
    regularization: float = field(
        default=0.01, metadata={"doc": "L2 penalty, scaled by how often a row occurs"}
    )
    unobserved_weight: float = field(
        default=0.3, metadata={"doc": "weight of unobserved cells; observed ones weigh 1"}
    )
    half_life: float = field(default=20.0, metadata={"doc": "events after which a past event counts half"})

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedALS:
        """Learn item vectors, float32[items, embedding_size]."""
        count = len(data.items)
        X = matrix(data.histories, count)
        shape = (count, self.embedding_size)
        rng = np.random.default_rng(options.seed)
        vectors: Floats = rng.normal(0, 0.1 / self.embedding_size**0.5, shape).astype(np.float32)
        vectors[np.diff(sparse.csc_array(X).indptr) == 0] = 0.0  # items without events are never retrieved
        transposed = sparse.csr_array(X.T)
        users = vectors[:0]
        with (
            one_thread(),  # many small systems: threads inside each would only wait for each other
            options.progress.step(self.name, total=self.epochs, unit="epochs") as step,
        ):
            for _ in range(self.epochs):
                users = FoldIn(vectors, self.regularization, self.unobserved_weight).solve(X)
                vectors = FoldIn(users, self.regularization, self.unobserved_weight).solve(transposed)
                step.advance()
        sample = users[rng.permutation(len(users))[:TUNING_QUERIES]]
        index = SegmentedIndex.build(vectors, np.arange(count), seed=options.seed, sample=sample)
        fold_in = FoldIn(vectors, self.regularization, self.unobserved_weight)
        return FittedALS(fold_in, self.half_life, index)


class FoldIn:
    """Row vectors from the vectors of what the rows contain: regularised least squares in closed form."""

    def __init__(self, vectors: Floats, regularization: float, unobserved_weight: float) -> None:
        self.vectors, self.regularization, self.unobserved_weight = vectors, regularization, unobserved_weight
        self.gram = unobserved_weight * (vectors.T @ vectors)  # the term that all rows share

    def solve(self, X: sparse.csr_array) -> Floats:
        """float32[rows of X, embedding_size]; the data of ``X`` are the weights of observed cells."""
        size = self.vectors.shape[1]
        lengths = np.diff(X.indptr)
        vectors = np.zeros((X.shape[0], size), np.float32)
        rows = np.argsort(lengths, kind="stable")
        rows = rows[lengths[rows] > 0]
        start = 0
        while start < len(rows):
            # rows of similar length are solved together; the longest of a group decides how many fit
            stop = start + 1
            while (
                stop < len(rows) and (stop - start + 1) * (lengths[rows[stop]] + size) * size <= BLOCK_FLOATS
            ):
                stop += 1
            group = rows[start:stop]
            longest = int(lengths[group[-1]])
            place = X.indptr[group][:, None] + np.arange(longest)
            inside = np.arange(longest) < lengths[group][:, None]
            place = np.where(inside, place, 0)
            weights = np.where(inside, X.data[place], 0.0).astype(np.float32)
            observed = self.vectors[X.indices[place]]  # [group, longest, size]
            weighted = observed * weights[:, :, None]
            A = np.matmul(weighted.transpose(0, 2, 1), observed) + self.gram
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
        rows = np.flatnonzero(histories.lengths > 0)
        best = self.index.search(users[rows], n, allowed.take(rows))
        return Retrieved(rows[best.rows], best.items, best.scores)

    def score(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Floats:
        """The dot product."""
        return self.index.score(encoded[1], rows, items)

    def because(self, encoded: tuple[Histories, Floats], rows: Rows, items: Positions) -> Positions:
        """The history item most similar to each item, weighted by recency."""
        histories = encoded[0]
        weights = recency(histories, self.half_life)

        def weight(pair: AnyArray, event: AnyArray) -> Floats:
            similarity: Floats = np.einsum(
                "ij,ij->i", self.vectors[items[pair]], self.vectors[histories.items[event]]
            )
            return similarity * weights[event]

        event = strongest(histories, rows, weight)
        return np.where(event >= 0, histories.items[event], -1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Vectors, their index, and the three numbers of the fold-in."""
        parameters = np.array([self.fold_in.regularization, self.fold_in.unobserved_weight, self.half_life])
        save_arrays(folder, vectors=self.vectors, parameters=parameters)
        self.index.save(folder / "index")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Vectors stay mapped to the file."""
        regularization, unobserved_weight, half_life = load_array(folder, "parameters").tolist()
        fold_in = FoldIn(load_array(folder, "vectors"), regularization, unobserved_weight)
        return cls(fold_in, half_life, SegmentedIndex.load(folder / "index"))
