"""How well vectors retrieve what is relevant: the metrics of metric learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shortlist.base.types import Floats, Mask, Rows

Codes = NDArray[np.int64]
QUERY_BLOCK = 256  # queries compared with the whole gallery at a time


@dataclass(frozen=True)
class RetrievalMetrics:
    """Means over the queries that have at least one relevant picture in the gallery."""

    recall_1: float  # share of queries whose nearest picture is relevant
    recall_5: float  # share with a relevant one among the nearest five
    precision_10: float  # share of relevant ones among the nearest ten
    map_r: float  # mean average precision at R, the number of relevant ones (Musgrave et al., ECCV 2020)
    queries: int


class Relevance:
    """Which pictures are relevant to each other: those of one label, or those that are paired."""

    def __init__(self, count: int, labels: Codes | None, pairs: Codes | None) -> None:
        self.labels, self.pairs = labels, pairs
        if pairs is not None:
            one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
            self.adjacency = sparse.csr_array((np.ones(len(one), bool), (one, other)), shape=(count, count))

    def matrix(self, rows: Rows, columns: Rows) -> Mask:
        """Whether each of the pictures ``rows`` is relevant to each of ``columns``, bool[rows, columns]."""
        if self.labels is not None:
            labelled = self.labels[rows, None] >= 0  # -1: without a label
            same: Mask = (self.labels[rows, None] == self.labels[columns]) & labelled
            return same
        paired: Mask = self.adjacency[rows][:, columns].toarray()
        return paired


def retrieval_metrics(
    relevance: Relevance, queries: Rows, query_vectors: Floats, gallery: Rows, gallery_vectors: Floats
) -> RetrievalMetrics:
    """Search the ``gallery`` for each of the ``queries`` by the cosine of their unit vectors."""
    blocks = []
    for first in range(0, len(queries), QUERY_BLOCK):
        some = slice(first, first + QUERY_BLOCK)
        scores = query_vectors[some] @ gallery_vectors.T
        blocks.append(_per_query(scores, relevance.matrix(queries[some], gallery)))
    values = np.concatenate(blocks) if blocks else np.zeros((0, 4))
    means = values.mean(axis=0) if len(values) else np.zeros(4)
    recall_1, recall_5, precision_10, map_r = map(float, means)
    return RetrievalMetrics(recall_1, recall_5, precision_10, map_r, len(values))


def _per_query(scores: Floats, relevant: Mask) -> Floats:
    """The four metrics of each query with anything relevant, float32[queries, 4]."""
    answerable = relevant.any(axis=1)
    scores, relevant = scores[answerable], relevant[answerable]
    R = relevant.sum(axis=1)
    depth = min(max(int(R.max(initial=0)), 10), scores.shape[1])
    nearest = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    by_score = np.argsort(-np.take_along_axis(scores, nearest, 1), axis=1, kind="stable")
    nearest = np.take_along_axis(nearest, by_score, 1)
    hits = np.take_along_axis(relevant, nearest, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, depth + 1)
    within_r = np.arange(depth) < R[:, None]
    average = (precision * hits * within_r).sum(axis=1) / np.maximum(R, 1)
    columns = [hits[:, 0], hits[:, :5].any(1), hits[:, :10].mean(1), average]
    return np.stack(columns, axis=1).astype(np.float32)
