"""The best n of dense scores, with one rule for ties everywhere."""

import numpy as np

from shortlist.base.queries import Found
from shortlist.base.types import Floats


def top(scores: Floats, n: int) -> Found:
    """The ``n`` highest scores of each row of ``scores`` (float32[rows, items]), best first.

    Ties go to the lower position. Entries of -inf are never returned, so a row may get fewer than ``n``.
    """
    n = min(n, scores.shape[1])
    if n <= 0:
        return Found(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    rows, items = [], []
    for row, values in enumerate(scores):
        if n < len(values):
            cut = np.partition(values, len(values) - n)[len(values) - n]
            above = np.flatnonzero(values > cut)
            chosen = np.concatenate([above, np.flatnonzero(values == cut)[: n - len(above)]])
        else:
            chosen = np.arange(len(values))
        chosen = chosen[np.lexsort((chosen, -values[chosen]))]
        chosen = chosen[values[chosen] > -np.inf]
        rows.append(np.full(len(chosen), row, np.int64))
        items.append(chosen.astype(np.int32))
    at_rows, at_items = np.concatenate(rows), np.concatenate(items)
    return Found(at_rows, at_items, scores[at_rows, at_items].astype(np.float32))
