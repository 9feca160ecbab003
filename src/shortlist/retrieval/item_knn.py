"""Item-based nearest neighbours, aware of order: what tends to follow the items of a history."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from shortlist.base.files import load_array, save_arrays
from shortlist.base.histories import Histories
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.top import top_of_lists
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.retrieval._interactions import matrix, recency, strongest
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions

BLOCK_PAIRS = 30_000_000  # item pairs counted at a time; about 1 GB
SMOOTHING = 5.0  # added to item counts, so that rare items do not rank high by chance


@dataclass(frozen=True, kw_only=True)
class ItemKNN(Source):
    """Items that tend to follow the newest items of a history.

    Counts how often item j comes within ``window`` events after item i in the same history, nearer pairs
    more (1/√distance), divided by ``√count(i) · count(j)^popularity_penalty``: the item-based neighbourhood
    of Deshpande and Karypis ("Item-based top-N recommendation", TOIS 2004), made aware of order.
    """

    window: int = field(default=30, metadata={"doc": "most events from one item to the other"})
    neighbours: int = field(default=200, metadata={"doc": "kept for each item"})
    half_life: float = field(default=10.0, metadata={"doc": "events after which a past event counts half"})
    popularity_penalty: float = field(default=0.4, metadata={"doc": "0 favours popular items, 1 rare ones"})
    history: int = field(default=50, metadata={"doc": "newest events of a query that count"})

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedItemKNN:
        """Learn a sparse neighbour matrix, ``neighbours`` entries a row."""
        histories, count = data.histories, len(data.items)
        popularity = np.bincount(histories.items, minlength=count) + SMOOTHING
        pairs = len(histories.items) * self.window
        edges = np.linspace(0, count, 2 + pairs // BLOCK_PAIRS).astype(np.int64)
        blocks = []
        with options.progress.step(self.name, total=len(edges) - 1, unit="blocks") as step:
            for low, high in pairwise(edges):
                block = self._follows(histories, count, int(low), int(high)).tocoo()
                row, column = block.coords
                scale = popularity[row + low] ** 0.5 * popularity[column] ** self.popularity_penalty
                shape = (int(high - low), count)
                blocks.append(_strongest_entries(row, column, block.data / scale, shape, self.neighbours))
                step.advance()
        return FittedItemKNN(sparse.vstack(blocks, format="csr"), self.half_life, self.history)

    def _follows(self, histories: Histories, count: int, low: int, high: int) -> sparse.csr_array:
        """Weighted counts of (item, later item) for items in [low, high), float64[high - low, count]."""
        rows, items = histories.rows, histories.items
        total = sparse.csr_array((high - low, count), dtype=np.float64)
        for distance in range(1, self.window + 1):
            item, later = items[:-distance], items[distance:]
            same = (rows[:-distance] == rows[distance:]) & (item >= low) & (item < high) & (item != later)
            if not same.any():
                continue
            weight = np.full(int(same.sum()), distance**-0.5)
            total = total + sparse.csr_array((weight, (item[same] - low, later[same])), shape=total.shape)
        return total


def _strongest_entries(
    row: AnyArray, column: AnyArray, weight: AnyArray, shape: tuple[int, int], n: int
) -> sparse.csr_array:
    order = np.lexsort((column, -weight, row))
    row, column, weight = row[order], column[order], weight[order]
    starts = np.searchsorted(row, np.arange(shape[0]))
    best = np.arange(len(row)) - starts[row] < n
    kept = sparse.csr_array((weight[best].astype(np.float32), (row[best], column[best])), shape=shape)
    kept.sort_indices()
    return kept


class FittedItemKNN(FittedSource):
    """``encode`` gives sparse scores: of the neighbours of the history's items."""

    def __init__(self, weights: sparse.csr_array, half_life: float, history: int) -> None:
        self.weights, self.half_life, self.history = weights, half_life, history

    def encode(self, queries: Queries) -> tuple[Histories, sparse.csr_array]:
        """Neighbour weights summed over the newest events of each history."""
        histories = queries.histories.last(self.history)
        W = matrix(histories, self.weights.shape[0], recency(histories, self.half_life))
        scores = sparse.csr_array(W @ self.weights)
        scores.sort_indices()
        return histories, scores

    def search(self, encoded: tuple[Histories, sparse.csr_array], n: int, allowed: Allowed) -> Retrieved:
        """The strongest neighbours of each row."""
        scores = encoded[1]
        rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
        items = scores.indices.astype(np.int32)
        keep = allowed.keep(rows, items)
        return top_of_lists(rows[keep], items[keep], scores.data[keep], n)

    def score(self, encoded: tuple[Histories, sparse.csr_array], rows: Rows, items: Positions) -> Floats:
        """0 for items that are no neighbour of the history's."""
        scores = encoded[1]
        if not scores.nnz:
            return np.zeros(len(rows), np.float32)
        count = np.int64(scores.shape[1])
        scored = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr)) * count + scores.indices
        wanted = rows * count + items
        place = np.minimum(np.searchsorted(scored, wanted), len(scored) - 1)
        return np.where(scored[place] == wanted, scores.data[place], np.float32(0.0)).astype(np.float32)

    def because(self, encoded: tuple[Histories, sparse.csr_array], rows: Rows, items: Positions) -> Positions:
        """The history item to which each item is the strongest neighbour."""
        histories = encoded[0]
        fading = recency(histories, self.half_life)

        def weight(pair: AnyArray, event: AnyArray) -> Floats:
            weights = self.weights[histories.items[event], items[pair]]
            return np.asarray(weights, dtype=np.float32).ravel() * fading[event]

        event = strongest(histories, rows, weight)
        return np.where(event >= 0, histories.items[event], -1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """The matrix in its three CSR arrays."""
        M = self.weights
        shape = np.array([M.shape[0], self.half_life, self.history])
        save_arrays(folder, data=M.data, indices=M.indices, indptr=M.indptr, shape=shape)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The matrix stays mapped to its files."""
        count, half_life, history = load_array(folder, "shape")
        parts = tuple(load_array(folder, name) for name in ("data", "indices", "indptr"))
        weights = sparse.csr_array(parts, shape=(int(count), int(count)), copy=False)
        return cls(weights, float(half_life), int(history))
