"""Affinities: a user's events with items that share the candidate's words: of its genre, its brand, its price band."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import CodedColumn, Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Rows
from shortlist.features.event_definition import EventDefinition, priors
from shortlist.features.kind import Block, BlockInputs
from shortlist.features.partition import Partition
from shortlist.features.readers.history_reader import HistoryReader, of_event
from shortlist.system.event import Event


class AffinityBlock(Block):
    """Features by ``("user", ATTRIBUTE)``, all of the same attribute.

    A candidate with several words has the mean of theirs, one without any NaN.
    """

    definitions: Sequence[EventDefinition]

    def __init__(self, definitions: Sequence[EventDefinition], inputs: BlockInputs) -> None:
        (part,) = {each.per for each in definitions}
        assert part is not None
        self.names = [each.name for each in definitions]
        self.definitions, self._codes = definitions, inputs.codes
        self._priors = priors(definitions, inputs)
        self._events = list(dict.fromkeys(event for each in definitions for event in each.events))
        self._partition = Partition(part, inputs.learned, inputs.items)
        self._words = self._partition.column

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Computed for each word of each history, and looked up for each word of each candidate."""
        pairs = _RowWords(queries.histories, self._words)
        readers = {event: self._readers(queries, event, pairs) for event in self._events}
        keys, rows, t = np.arange(pairs.size), pairs.rows, queries.at[pairs.rows]
        table = np.empty((pairs.size, len(self.names)), np.float64)
        for column, each in enumerate(self.definitions):
            table[:, column] = each.word_value(
                lambda event: readers[event][0],
                lambda event: readers[event][1],
                keys,
                rows,
                t,
                self._priors[column],
            )
        place, code = self._words.take(candidates.items)
        values = table.take(pairs.keys(candidates.rows[place], code), axis=0)
        return _means(values, place, len(candidates))

    def with_new_items(self, items: Items) -> AffinityBlock:
        """With the words of the new items."""
        longer = copy(self)
        longer._partition = self._partition.with_new_items(items)
        longer._words = longer._partition.column
        return longer

    def _readers(
        self, queries: Queries, event: Event, pairs: _RowWords
    ) -> tuple[HistoryReader, HistoryReader]:
        """Of each word of each row, and of the rows."""
        mine = of_event(queries.histories, event, self._codes)
        events, code = self._words.take(mine.items)
        keys = pairs.keys(mine.rows[events], code)
        of_pairs = HistoryReader(mine, queries.at, keys=keys, events=events, size=pairs.size)
        return of_pairs, HistoryReader(mine, queries.at)


class _RowWords:
    """The (row, word) pairs that occur, as keys; after them one key for each row, for its other words."""

    def __init__(self, histories: Histories, words: CodedColumn) -> None:
        event, code = words.take(histories.items)
        self._words = max(words.size, 1)
        self._pairs = np.unique(histories.rows[event] * self._words + code)
        self.rows = np.concatenate([self._pairs // self._words, np.arange(len(histories))])  # of each key
        self.size = len(self.rows)

    def keys(self, rows: Rows, code: AnyArray) -> AnyArray:
        """The key of each pair."""
        wanted = rows * self._words + code
        if not len(self._pairs):
            return rows
        place = self._pairs.searchsorted(wanted)
        met = self._pairs.take(place, mode="clip") == wanted
        return np.where(met, place, rows + len(self._pairs))


def _means(values: AnyArray, place: Rows, size: int) -> Floats:
    """The mean of the rows of ``values`` for each place in [0, ``size``); ``place`` rises."""
    if len(place) == size and (place == np.arange(size)).all():
        return values.astype(np.float32)
    count = np.bincount(place, minlength=size)
    means = np.full((size, values.shape[1]), np.nan, np.float32)
    some = count > 0
    if some.any():
        first = (np.cumsum(count) - count)[some]
        means[some] = np.add.reduceat(values, first, axis=0) / count[some, None]
    return means
