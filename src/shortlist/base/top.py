"""The best n, with one rule for ties everywhere: the lower position comes first."""

import numpy as np

from shortlist.base.queries import Allowed, Retrieved
from shortlist.base.types import Floats, Positions, Rows


def top(scores: Floats, n: int) -> Retrieved:
    """The ``n`` highest scores of each row of ``scores`` (float32[rows, items]), best first.

    Entries of -inf are never returned, so a row may get fewer than ``n``.
    """
    n = min(n, scores.shape[1])
    if n <= 0 or not len(scores):
        return Retrieved(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    rows, items = [], []
    for row, values in enumerate(scores):
        if n < len(values):
            threshold = np.partition(values, len(values) - n)[len(values) - n]
            above = np.flatnonzero(values > threshold)
            best = np.concatenate([above, np.flatnonzero(values == threshold)[: n - len(above)]])
        else:
            best = np.arange(len(values))
        best = best[np.lexsort((best, -values[best]))]
        best = best[values[best] > -np.inf]
        rows.append(np.full(len(best), row, np.int64))
        items.append(best.astype(np.int32))
    all_rows, all_items = np.concatenate(rows), np.concatenate(items)
    return Retrieved(all_rows, all_items, scores[all_rows, all_items].astype(np.float32))


def top_of_lists(rows: Rows, items: Positions, scores: Floats, n: int) -> Retrieved:
    """The ``n`` highest scores among the (row, item, score) entries of each row, best first."""
    order = np.lexsort((items, -scores, rows))
    rows, items, scores = rows[order], items[order], scores[order]
    starts = np.searchsorted(rows, rows)  # the first entry of each entry's row
    best = np.arange(len(rows)) - starts < n
    return Retrieved(rows[best], items[best].astype(np.int32), scores[best].astype(np.float32))


def first_allowed(order: Positions, n: int, allowed: Allowed, rows: int) -> Retrieved:
    """The first ``n`` allowed items of one fixed ``order`` for each of ``rows`` rows; scores are 0, -1, -2, ..."""
    most_hidden = int(np.diff(allowed.hidden.offsets).max(initial=0))
    if not allowed.shared.all():
        order = order[allowed.shared[order]]
    prefix = order[: n + most_hidden]
    entry_rows = np.repeat(np.arange(rows), len(prefix))
    items = np.tile(prefix, rows)
    ranks = np.tile(np.arange(len(prefix), dtype=np.float32), rows)
    keep = allowed.keep(entry_rows, items)
    return top_of_lists(entry_rows[keep], items[keep], -ranks[keep], n)
