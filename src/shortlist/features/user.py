"""What is known about the asker, from the history that came with the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.block import Block
from shortlist.features.formulas import value
from shortlist.features.readers.history_reader import Own, events_of, of_event
from shortlist.system.event import Event
from shortlist.system.features import Feature


class UserBlock(Block):
    """Features that people own: computed once per query, then repeated for its candidates."""

    definitions: Sequence[Feature]

    def __init__(
        self, definitions: Sequence[Feature], prior: Mapping[str, float], codes: Mapping[Event, int]
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.prior, self.codes = definitions, prior, codes
        self.events = events_of(definitions)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where a history says nothing."""
        rows, own = np.arange(len(queries)), self._readers(queries)
        table = np.empty((len(queries), len(self.names)), np.float32)
        for place, each in enumerate(self.definitions):
            table[:, place] = value(
                each, own.__getitem__, rows, queries.at, self.prior.get(each.name, np.nan)
            )
        return table.take(candidates.rows, axis=0)

    def _readers(self, queries: Queries) -> dict[Event, Own]:
        return {
            event: Own(of_event(queries.histories, event, self.codes), queries.at) for event in self.events
        }
