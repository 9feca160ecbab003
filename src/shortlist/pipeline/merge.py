"""One list of candidates from many sources, and what fills it up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shortlist.base.queries import Allowed, Candidates, Ragged, Retrieved
from shortlist.base.top import first_allowed
from shortlist.base.types import Floats, Positions

FUSION = 60.0  # the constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)


def merged(retrieved: Mapping[int, Retrieved], sources: int, items: int) -> tuple[Candidates, Floats]:
    """The union of what the sources retrieved (by source index), and each candidate's reciprocal rank fusion."""
    keys, indexes, fusion = [], [], []
    for index, each in retrieved.items():
        ranks = np.arange(len(each.rows)) - np.searchsorted(each.rows, each.rows)
        keys.append(each.rows * items + each.items)
        indexes.append(np.full(len(each.rows), index))
        fusion.append(1.0 / (FUSION + 1 + ranks))
    all_keys = np.concatenate([np.zeros(0, np.int64), *keys])
    unique, inverse = np.unique(all_keys, return_inverse=True)
    by = np.zeros((len(unique), sources), bool)
    by[inverse, np.concatenate([np.zeros(0, np.int64), *indexes])] = True
    values = np.bincount(inverse, weights=np.concatenate([np.zeros(0), *fusion]), minlength=len(unique))
    candidates = Candidates(unique // items, (unique % items).astype(np.int32), by.astype(np.float32), by)
    return candidates, values.astype(np.float32)


def fill_in(
    candidates: Candidates, values: Floats, n: int, popular: Positions, allowed: Allowed
) -> tuple[Candidates, Floats]:
    """Top up rows that have fewer than ``n`` candidates with allowed items in the order ``popular``.

    What is filled in has no source and a value below 0 that falls along the order.
    """
    rows = len(allowed.hidden.offsets) - 1
    counts = np.bincount(candidates.rows, minlength=rows)
    short = np.flatnonzero(counts < n)
    if not len(short):
        return candidates, values
    own = Ragged(np.concatenate([[0], np.cumsum(counts)]), candidates.items)
    hidden = Ragged.joined([allowed.hidden.take(short), own.take(short)], len(short))
    extra = first_allowed(popular, n, Allowed(allowed.shared, hidden), len(short))
    ranks = np.arange(len(extra.rows)) - np.searchsorted(extra.rows, extra.rows)
    needed = ranks < (n - counts[short])[extra.rows]
    extra_rows, extra_items = short[extra.rows[needed]], extra.items[needed]
    at_rows = np.concatenate([candidates.rows, extra_rows])
    order = np.argsort(at_rows, kind="stable")
    no_source = np.zeros((len(extra_rows), candidates.retrieved_by.shape[1]), bool)
    topped = Candidates(
        at_rows[order],
        np.concatenate([candidates.items, extra_items])[order],
        np.concatenate([candidates.scores, no_source.astype(np.float32)])[order],
        np.concatenate([candidates.retrieved_by, no_source])[order],
    )
    worth = -1e-6 * (1.0 + ranks[needed])
    return topped, np.concatenate([values, worth])[order].astype(np.float32)
