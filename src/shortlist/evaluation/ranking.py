"""Metrics of ranked lists against what users chose next, over the full catalogue.

A metric gives one number per row (user), so that `shortlist.evaluation.bootstrap` can give a mean its
interval; rows without positives have NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shortlist.base.errors import NotFoundError
from shortlist.base.queries import Ragged, Retrieved
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import Rows
from shortlist.evaluation.names import STANDARD, parse

Values = NDArray[np.float64]  # one number per row


@dataclass(frozen=True)
class Hits:
    """The positives that were returned, one entry each, sorted by row, best place first."""

    rows: Rows  # int64[hits]
    places: Rows  # int64[hits], 0 is the top of the list
    positives: Rows  # int64[rows], how many items each row's truth holds

    @classmethod
    def of(cls, lists: Retrieved, truth: Ragged) -> Hits:
        """Look ``lists`` up in ``truth`` (each row's positives, none twice). Any length of list will do."""
        width = np.int64(max(lists.items.max(initial=0), truth.items.max(initial=0)) + 1)
        positives = np.sort(truth.rows * width + truth.items)
        keys = lists.rows * width + lists.items
        at = np.minimum(np.searchsorted(positives, keys), max(len(positives) - 1, 0))
        hit = np.flatnonzero(positives[at] == keys) if len(positives) else np.zeros(0, np.int64)
        return cls(lists.rows[hit], places(lists.rows)[hit], np.diff(truth.offsets))

    def top(self, k: int) -> Hits:
        """The hits within the first ``k`` places."""
        near = self.places < k
        return Hits(self.rows[near], self.places[near], self.positives)

    def total(self, weights: Values | None = None) -> Values:
        """The sum of ``weights`` (one per hit; None: 1 each) in each row; NaN for rows without positives."""
        sums = np.bincount(self.rows, weights, minlength=len(self.positives)).astype(np.float64)
        sums[self.positives == 0] = np.nan
        return sums


def places(rows: Rows) -> Rows:
    """The place of each entry within its row (0, 1, 2 ...), for sorted ``rows``."""
    index = np.arange(len(rows))
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return index - np.repeat(starts, np.diff(starts, append=len(rows)))


def _ndcg(hits: Hits, k: int) -> Values:
    discounts = 1 / np.log2(np.arange(k) + 2)
    ideal: Values = np.concatenate([[np.nan], np.cumsum(discounts)])
    return hits.total(discounts[hits.places]) / ideal[np.minimum(hits.positives, k)]


def _recall(hits: Hits, k: int) -> Values:  # noqa: ARG001 (all metrics are called alike)
    return hits.total() / np.maximum(hits.positives, 1)


def _precision(hits: Hits, k: int) -> Values:
    return hits.total() / k


def _hit(hits: Hits, k: int) -> Values:  # noqa: ARG001
    return np.minimum(hits.total(), 1)


def _map(hits: Hits, k: int) -> Values:
    hits_so_far = places(hits.rows) + 1
    return hits.total(hits_so_far / (hits.places + 1)) / np.clip(hits.positives, 1, k)


def _mrr(hits: Hits, k: int) -> Values:  # noqa: ARG001
    first = places(hits.rows) == 0
    return hits.total(first / (hits.places + 1))


METRICS: dict[str, Callable[[Hits, int], Values]] = {
    "ndcg": _ndcg,
    "recall": _recall,
    "precision": _precision,
    "hit": _hit,
    "map": _map,
    "mrr": _mrr,
}
"""Every ranking metric, from the hits within the first k places and k. Sums over a row are divided thus:
NDCG by that of min(k, positives) hits at the top, recall by all positives, precision by k even where the
list is shorter, MAP by min(k, positives)."""


def measure(lists: Retrieved, truth: Ragged, names: Sequence[str] = STANDARD) -> dict[str, Values]:
    """Each named metric of ``lists``, float64[rows of ``truth``]; NaN for rows without positives.

    Raises NotFoundError for a name that is no ranking metric at a depth.
    """
    hits = Hits.of(lists, truth)
    return {name: _compute(hits, name) for name in names}


def _compute(hits: Hits, name: str) -> Values:
    word, k = parse(name)
    if word not in METRICS:
        raise NotFoundError(f"{name!r} is no metric of single lists: {did_you_mean(word, METRICS)}")
    return METRICS[word](hits.top(k), k)
