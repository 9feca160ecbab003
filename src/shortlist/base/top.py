"""The best n of dense scores, with one rule for ties everywhere."""

import numpy as np

from shortlist.base.queries import Allowed, Retrieved
from shortlist.base.types import Floats, Positions, Rows


def top(scores: Floats, n: int) -> Retrieved:
    """The ``n`` highest scores of each row of ``scores`` (float32[rows, items]), best first.

    Ties go to the lower position. Entries of -inf are never returned, so a row may get fewer than ``n``.
    """
    n = min(n, scores.shape[1])
    if n <= 0 or not len(scores):
        return Retrieved(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
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
    return Retrieved(at_rows, at_items, scores[at_rows, at_items].astype(np.float32))


def top_of_lists(rows: Rows, items: Positions, scores: Floats, n: int) -> Retrieved:
    """The ``n`` highest of each row's listed items (rows sorted), best first; ties go to the lower position."""
    order = np.lexsort((items, -scores, rows))
    rows, items, scores = rows[order], items[order], scores[order]
    starts = np.searchsorted(rows, rows)  # where each entry's row begins
    best = np.arange(len(rows)) - starts < n
    return Retrieved(rows[best], items[best].astype(np.int32), scores[best].astype(np.float32))


def walk(order: Positions, n: int, allowed: Allowed, rows: int) -> Retrieved:
    """The first ``n`` allowed items of a fixed ``order`` for each of ``rows`` rows; scores fall from 0 by 1."""
    most_hidden = int(np.diff(allowed.hidden.offsets).max(initial=0))
    reach = n + most_hidden
    if not allowed.shared.all():
        order = order[allowed.shared[order]]
    prefix = order[:reach]
    at_rows = np.repeat(np.arange(rows), len(prefix))
    at_items = np.tile(prefix, rows)
    ranks = np.tile(np.arange(len(prefix), dtype=np.float32), rows)
    keep = allowed.keep(at_rows, at_items)
    return top_of_lists(at_rows[keep], at_items[keep], -ranks[keep], n)
