"""What is known about the asker, from the history that came with the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.block import Block
from shortlist.features.formulas import value
from shortlist.features.timeline import Timeline
from shortlist.system.event import Event
from shortlist.system.features import Feature


class UserBlock(Block):
    """Features that people own: computed once per query, then repeated for its candidates."""

    definitions: Sequence[Feature]

    def __init__(
        self, definitions: Sequence[Feature], usual: Mapping[str, float], codes: Mapping[Event, int]
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.usual, self.codes = definitions, usual, codes

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where a history says nothing."""
        rows = np.arange(len(queries))
        reader = _Rows(queries.histories, self.codes)
        table = np.empty((len(queries), len(self.names)), np.float32)
        for place, each in enumerate(self.definitions):
            table[:, place] = value(each, reader, rows, queries.at, self.usual.get(each.name, np.nan))
        taken: Floats = table[candidates.rows]
        return taken


class _Rows:
    """Readers by event over the histories of a batch; a key is a row."""

    def __init__(self, histories: Histories, codes: Mapping[Event, int]) -> None:
        self.histories, self.codes = histories, codes
        self._made: dict[Event, Timeline] = {}

    def __call__(self, event: Event) -> Timeline:
        if event not in self._made:
            self._made[event] = Timeline.of(of_event(self.histories, event, self.codes))
        return self._made[event]


def of_event(histories: Histories, event: Event, codes: Mapping[Event, int]) -> Histories:
    """Only the events of one kind."""
    return histories if len(codes) == 1 else histories.where(histories.event == codes[event])
