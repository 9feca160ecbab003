"""Features of a user's events, from the history that came with the query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.event_definition import EventDefinition, priors
from shortlist.features.kind import Block, BlockInputs
from shortlist.features.readers.history_reader import HistoryReader, of_event


class UserEventsBlock(Block):
    """Computed once per query, then repeated for its candidates."""

    def __init__(self, definitions: Sequence[EventDefinition], inputs: BlockInputs) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self._codes = definitions, inputs.codes
        self._formulas = list(zip(definitions, priors(definitions, inputs), strict=True))
        self._events = list(dict.fromkeys(event for each in definitions for event in each.events))

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where a history has no such event."""
        rows, readers = np.arange(len(queries)), {}
        for event in self._events:
            readers[event] = HistoryReader(of_event(queries.histories, event, self._codes), queries.at)
        table = np.empty((len(queries), len(self.names)), np.float32)
        for place, (each, prior) in enumerate(self._formulas):
            table[:, place] = each.value(readers.__getitem__, rows, queries.at, prior)
        return table.take(candidates.rows, axis=0)
