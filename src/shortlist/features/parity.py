"""Replay a log through both readers and compare: does training see what serving sees?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.features.features import Features
from shortlist.features.item import ItemBlock, LiveItems
from shortlist.features.ready import ReadyBlock

TOLERANCE = 1e-6  # of the larger of the two values, and at least of 1


@dataclass(frozen=True)
class Difference:
    """The first value on which the readers disagree."""

    feature: str
    item: str
    at: int  # microseconds
    as_of: float
    now: float

    def __str__(self) -> str:
        when = np.datetime64(self.at, "us")
        return f"{self.feature} of item {self.item!r} at {when}: as of then {self.as_of:g}, now {self.now:g}"


@dataclass(frozen=True)
class Parity:
    """What a comparison looked at, and what it found."""

    values: int
    moments: int
    difference: Difference | None


def compare(features: Features, histories: Histories, moments: int = 24) -> Parity:
    """Compare every feature that items own, of every item, at moments spread over the log.

    What people own needs no comparison on a log: it is computed from the same history by the same code.
    """
    facts, items = features.facts, len(features.items)
    definitions = [each for each in facts.definitions if each.owner == "item"]
    live = LiveItems(items, facts.codes, definitions)
    past = next((block for block in features.as_of(histories).blocks if isinstance(block, ItemBlock)), None)
    if past is None or not len(histories.at):
        return Parity(0, 0, None)
    now = ReadyBlock(definitions, facts.usual, live)
    order = np.argsort(histories.at, kind="stable")
    at = histories.at[order]
    nobody = np.zeros((items, 0), np.float32)
    everything = Candidates(np.zeros(items, np.int64), np.arange(items, dtype=np.int32), nobody, nobody > 0)
    done, compared = 0, 0
    for t in np.unique(np.quantile(at, np.linspace(0, 1, moments), method="nearest")) + 1:
        ready = order[done : np.searchsorted(at, t)]
        done += len(ready)
        live.add(histories.items[ready], histories.at[ready], histories.event[ready], histories.value[ready])
        queries = Queries(Histories.empty(1), np.array([t]))
        before, after = past.columns(queries, everything), now.columns(queries, everything)
        compared += before.size
        same = np.isclose(before, after, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if not same.all():
            item, column = (int(place) for place in np.argwhere(~same)[0])
            key = features.items.keys[item]
            values = float(before[item, column]), float(after[item, column])
            return Parity(compared, moments, Difference(past.names[column], key, int(t), *values))
    return Parity(compared, moments, None)
