"""The contexts that divide an item's events: those that events declare, and the hour and weekday of a moment (UTC)."""

from __future__ import annotations

import numpy as np

from shortlist.base.columns import DAY, HOUR
from shortlist.base.contexts import MISSING, Contexts
from shortlist.base.types import AnyArray, Moments
from shortlist.system.event import CLOCK

MONDAY = 3  # the Unix epoch was a Thursday


def context_codes(name: str, t: Moments, context: AnyArray | None, contexts: Contexts) -> AnyArray:
    """The code of a context at each moment in [0, ``context_size``), int64; MISSING where it is missing."""
    if name == "hour":
        return np.asarray(t // HOUR % 24)
    if name == "weekday":
        return np.asarray((t // DAY + MONDAY) % 7)
    if context is None:
        return np.full(len(t), MISSING)
    return context[:, contexts.names.index(name)].astype(np.int64)


def context_size(name: str, contexts: Contexts) -> int:
    """How many codes a context has, and at least 1."""
    return CLOCK.get(name) or max(len(contexts.vocabularies[name]), 1)
