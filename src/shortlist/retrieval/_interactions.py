"""Histories as a sparse matrix, the form that the sources learn from."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Floats, Rows


def matrix(histories: Histories, items: int, weights: Floats | None = None) -> sparse.csr_array:
    """One row per history, one column per item, float32.

    Without ``weights`` (one per event) an item counts 1 however often it occurs; with them, an item that
    occurs more than once has the largest of its weights.
    """
    rows = histories.rows
    data = np.ones(len(rows), np.float32) if weights is None else weights.astype(np.float32)
    keys = rows * items + histories.items
    order = np.lexsort((data, keys))
    last = np.flatnonzero(np.diff(keys[order], append=-1))
    chosen = order[last]
    # offsets of 32 bits: with wider ones every product would first copy the other matrix's
    offsets = np.searchsorted(rows[chosen], np.arange(len(histories) + 1)).astype(np.int32)
    return sparse.csr_array((data[chosen], histories.items[chosen], offsets), shape=(len(histories), items))


def recency(histories: Histories, half_life: float) -> Floats:
    """A weight for each event that halves with every ``half_life`` later events of its row."""
    return np.exp2(-histories.age_rank / half_life).astype(np.float32)


def strongest(histories: Histories, rows: Rows, weight: Callable[[AnyArray, AnyArray], Floats]) -> Rows:
    """For each pair (of the row ``rows[pair]``) the event of its row's history with the largest weight.

    ``weight(pair, event)`` gives float32 weights of index arrays. -1 where a history is empty or no
    weight is above 0.
    """
    lengths = histories.lengths[rows]
    pair = np.repeat(np.arange(len(rows)), lengths)
    starts = np.cumsum(lengths) - lengths
    event = np.arange(len(pair)) - np.repeat(starts - histories.offsets[:-1][rows], lengths)
    best = np.full(len(rows), -1, np.int64)
    if len(pair):
        weights = weight(pair, event)
        order = np.lexsort((weights, pair))
        last = order[np.flatnonzero(np.diff(pair[order], append=-1))]
        last = last[weights[last] > 0]
        best[pair[last]] = event[last]
    return best
