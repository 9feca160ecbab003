"""Searching a state: everything is scanned, or inverted lists propose and the floats decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.queries import Allowed, Ragged, Retrieved
from shortlist.base.top import top
from shortlist.base.types import Floats, Mask, Positions
from shortlist.index.ivf_search import Look
from shortlist.index.segment import CELLS_AT_ONCE, Part
from shortlist.index.snapshot import State


def search(state: State, queries: Floats, n: int, allowed: Allowed) -> Retrieved:
    """The ``n`` best allowed items of each query that have a vector, best first."""
    built, tail = state.opened(allowed.shared)
    lists, look = state.built.lists, None
    if lists and n > 0:
        look = lists.look(n, state.built, built)
    parts = [(state.tail, tail)] if look else [(state.built, built), (state.tail, tail)]
    step = max(1, CELLS_AT_ONCE // max(1, sum(len(part.keys) for part, _ in parts)))
    found = []
    for first in range(0, max(1, len(queries)), step):
        some = queries[first : first + step]
        hidden = allowed.hidden.take(np.arange(first, first + len(some)))
        items, scores = _scanned(parts, some)
        _hide(scores, items, hidden)
        if look:
            block = _with_lists(look, state.built, some, n, hidden, items, scores)
        else:
            best = top(scores, n)
            block = Retrieved(best.rows, items[best.items], best.scores)
        found.append(Retrieved(block.rows + first, block.items, block.scores))
    return Retrieved.joined(found)


def _scanned(parts: Sequence[tuple[Part, Mask]], queries: Floats) -> tuple[Positions, Floats]:
    """The open items of all parts, rising, and their best scores, float32[queries, items]."""
    found = [part.scan(queries, opened) for part, opened in parts if len(part.keys)]
    if len(found) == 1:
        return found[0]
    items = np.unique(np.concatenate([np.zeros(0, np.int32), *(items for items, _ in found)]))
    best = np.full((len(queries), len(items)), -np.inf, np.float32)
    for some, scores in found:
        columns = np.searchsorted(items, some)
        best[:, columns] = np.maximum(best[:, columns], scores)
    return items, best


def _hide(scores: Floats, items: Positions, hidden: Ragged) -> None:
    """Set each row's hidden items to -inf, in place; a column of ``scores`` is one of ``items``."""
    columns = np.searchsorted(items, hidden.items)
    inside = np.flatnonzero(columns < len(items))
    there = inside[items[columns[inside]] == hidden.items[inside]]
    scores[hidden.rows[there], columns[there]] = -np.inf


def _with_lists(
    look: Look, built: Part, queries: Floats, n: int, hidden: Ragged, items: Positions, scores: Floats
) -> Retrieved:
    """What the lists propose for each query, beside the ``items`` and ``scores`` that were scanned."""
    found = []
    for row, query in enumerate(queries):
        near = look.near(query, n, hidden.items[hidden.offsets[row] : hidden.offsets[row + 1]])
        both = np.concatenate([near, items])
        each, which = np.unique(both, return_inverse=True)
        best = np.full((1, len(each)), -np.inf, np.float32)
        np.maximum.at(best[0], which, np.concatenate([built.best(query, near), scores[row]]))
        one = top(best, n)
        found.append(Retrieved(one.rows + row, each[one.items], one.scores))
    return Retrieved.joined(found) if found else top(scores, 0)
