"""What the request says of itself: its hour and weekday, and the contexts that events declare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.columns import DAY, HOUR
from shortlist.base.contexts import MISSING, Contexts
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments
from shortlist.features.block import Block
from shortlist.system.event import CLOCK
from shortlist.system.static_features import Context


class ContextBlock(Block):
    """Computed once per query, then repeated for its candidates."""

    def __init__(self, definitions: Sequence[Context], contexts: Contexts) -> None:
        self.contexts, self.asked = contexts, definitions
        parts = [(each, self._names(each)) for each in definitions]
        self.names = [name for _, names in parts for name in names]
        self.definitions = [each for each, names in parts for _ in names]

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where the request does not say."""
        table = np.empty((len(queries), len(self.names)), np.float32)
        first = 0
        for each in self.asked:
            slot = slots(each.context, queries.at, queries.context, self.contexts)
            if each.of_clock:
                table[:, first] = slot
                first += 1
            else:
                words = min(each.most, len(self.contexts.vocabularies[each.context]))
                said = (slot[:, None] == np.arange(words)).astype(np.float32)
                table[:, first : first + words] = np.where(slot[:, None] == MISSING, np.nan, said)
                first += words
        return table.take(candidates.rows, axis=0)

    def _names(self, definition: Context) -> list[str]:
        name = definition.context
        if definition.of_clock:
            return [name]
        return [f"{name}={word}" for word in self.contexts.vocabularies[name][: definition.most]]


def slots(name: str, t: Moments, context: AnyArray | None, contexts: Contexts) -> AnyArray:
    """The word of a context at each moment as its place in [0, ``size_of``), int64; MISSING where it is not said."""
    if name == "hour":
        return np.asarray(t // HOUR % 24)
    if name == "weekday":
        return np.asarray((t // DAY + 3) % 7)  # the epoch was a Thursday
    if context is None:
        return np.full(len(t), MISSING)
    return context[:, contexts.names.index(name)].astype(np.int64)


def size_of(name: str, contexts: Contexts) -> int:
    """How many words a context has, and at least 1."""
    return CLOCK.get(name) or max(len(contexts.vocabularies[name]), 1)
