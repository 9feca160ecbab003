"""Searching a snapshot: all vectors are scanned, or inverted lists propose and exact scores decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.queries import Allowed, Ragged, Retrieved
from shortlist.base.top import top
from shortlist.base.types import Floats, Mask, Positions
from shortlist.index.ivf_search import IVFSearch
from shortlist.index.segment import BLOCK_FLOATS, Segment
from shortlist.index.snapshot import Snapshot


def search(snapshot: Snapshot, queries: Floats, n: int, allowed: Allowed) -> Retrieved:
    """The ``n`` best allowed items of each query that have a vector, best first."""
    sealed, delta = snapshot.allowed(allowed.shared)
    ivf = snapshot.sealed.ivf
    plan = ivf.plan(n, snapshot.sealed, sealed) if ivf and n > 0 else None
    scanned: list[tuple[Segment, Mask]] = [(snapshot.delta, delta)]
    if plan is None:
        scanned.insert(0, (snapshot.sealed, sealed))
    step = max(1, BLOCK_FLOATS // max(1, sum(len(segment.keys) for segment, _ in scanned)))
    blocks = []
    for first in range(0, max(1, len(queries)), step):
        some = queries[first : first + step]
        hidden = allowed.hidden.take(np.arange(first, first + len(some)))
        items, scores = _scan(scanned, some)
        _hide(scores, items, hidden)
        if plan:
            block = _with_ivf(plan, snapshot.sealed, some, n, hidden, items, scores)
        else:
            best = top(scores, n)
            block = Retrieved(best.rows, items[best.items], best.scores)
        blocks.append(Retrieved(block.rows + first, block.items, block.scores))
    return Retrieved.joined(blocks)


def _scan(segments: Sequence[tuple[Segment, Mask]], queries: Floats) -> tuple[Positions, Floats]:
    """The allowed items of all segments, ascending, and their best scores, float32[queries, items]."""
    results = [segment.scan(queries, allowed) for segment, allowed in segments if len(segment.keys)]
    if len(results) == 1:
        return results[0]
    items = np.unique(np.concatenate([np.zeros(0, np.int32), *(items for items, _ in results)]))
    best = np.full((len(queries), len(items)), -np.inf, np.float32)
    for some, scores in results:
        columns = np.searchsorted(items, some)
        best[:, columns] = np.maximum(best[:, columns], scores)
    return items, best


def _hide(scores: Floats, items: Positions, hidden: Ragged) -> None:
    """Set each row's hidden items to -inf, in place; a column of ``scores`` is one of ``items``."""
    columns = np.searchsorted(items, hidden.items)
    inside = np.flatnonzero(columns < len(items))
    present = inside[items[columns[inside]] == hidden.items[inside]]
    scores[hidden.rows[present], columns[present]] = -np.inf


def _with_ivf(
    plan: IVFSearch,
    sealed: Segment,
    queries: Floats,
    n: int,
    hidden: Ragged,
    items: Positions,
    scores: Floats,
) -> Retrieved:
    """The best of what the lists propose for each query and of the scanned ``items`` with their ``scores``."""
    blocks = []
    for row, query in enumerate(queries):
        proposed = plan.propose(query, n, hidden.items[hidden.offsets[row] : hidden.offsets[row + 1]])
        union, which = np.unique(np.concatenate([proposed, items]), return_inverse=True)
        best = np.full((1, len(union)), -np.inf, np.float32)
        np.maximum.at(best[0], which, np.concatenate([sealed.best_scores(query, proposed), scores[row]]))
        one = top(best, n)
        blocks.append(Retrieved(one.rows + row, union[one.items], one.scores))
    return Retrieved.joined(blocks) if blocks else top(scores, 0)
