"""How well vectors find what belongs together: the figures of metric learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shortlist.base.types import Floats, Mask, Rows

Codes = NDArray[np.int64]
AT_ONCE = 256  # queries compared with the whole gallery together


@dataclass(frozen=True)
class Quality:
    """Means over the queries that have something to find."""

    recall_1: float  # share of queries whose nearest picture belongs to them
    recall_5: float  # share with one among the nearest five
    precision_10: float  # of the nearest ten, the share that belongs
    map_r: float  # mean average precision at R, R being how many belong (Musgrave et al., ECCV 2020)
    queries: int


class Alike:
    """Which pictures belong together: those of one label, or those that a pair names."""

    def __init__(self, count: int, labels: Codes | None, pairs: Codes | None) -> None:
        self.labels, self.pairs = labels, pairs
        if pairs is not None:
            one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
            self.links = sparse.csr_array((np.ones(len(one), bool), (one, other)), shape=(count, count))

    def matrix(self, rows: Rows, others: Rows) -> Mask:
        """Whether each of ``rows`` belongs with each of ``others``, bool[rows, others]."""
        if self.labels is not None:
            known = self.labels[rows, None] >= 0  # -1: of no known label
            same: Mask = (self.labels[rows, None] == self.labels[others]) & known
            return same
        found: Mask = self.links[rows][:, others].toarray()
        return found


def quality(alike: Alike, queries: Rows, asked: Floats, gallery: Rows, answers: Floats) -> Quality:
    """Search the ``gallery`` pictures, whose unit vectors are ``answers``, for each of the ``queries``."""
    parts = []
    for first in range(0, len(queries), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        parts.append(_figures(asked[some] @ answers.T, alike.matrix(queries[some], gallery)))
    figures = np.concatenate(parts) if parts else np.zeros((0, 4))
    means = figures.mean(axis=0) if len(figures) else np.zeros(4)
    recall_1, recall_5, precision_10, map_r = map(float, means)
    return Quality(recall_1, recall_5, precision_10, map_r, len(figures))


def _figures(scores: Floats, belongs: Mask) -> Floats:
    """The four figures of each query that has something to find, [queries, 4]."""
    kept = belongs.any(axis=1)
    scores, belongs = scores[kept], belongs[kept]
    R = belongs.sum(axis=1)
    depth = min(max(int(R.max(initial=0)), 10), scores.shape[1])
    near = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    near = np.take_along_axis(
        near, np.argsort(-np.take_along_axis(scores, near, 1), axis=1, kind="stable"), 1
    )
    hits = np.take_along_axis(belongs, near, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, depth + 1)
    inside = np.arange(depth) < R[:, None]
    average = (precision * hits * inside).sum(axis=1) / np.maximum(R, 1)
    return np.stack([hits[:, 0], hits[:, :5].any(1), hits[:, :10].mean(1), average], axis=1).astype(
        np.float32
    )
