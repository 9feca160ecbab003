"""What a person did with things that share the candidate's words: of its genre, of its brand, of its price band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import CodedColumn, Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments, Rows
from shortlist.features.block import Block
from shortlist.features.formulas import value
from shortlist.features.readers.history_reader import Own, events_of, mean_of, of_event
from shortlist.features.words import words_of
from shortlist.system.event import Event
from shortlist.system.features import Among, Feature, Mean, Part, Share, Window


class AffinityBlock(Block):
    """Features by ``("user", ATTRIBUTE)``: what a person did with things that share the candidate's words.

    A candidate with several words has the mean of theirs, one without any NaN.
    """

    definitions: Sequence[Feature]

    def __init__(
        self,
        definitions: Sequence[Feature],
        items: Items,
        part: Part,
        prior: Mapping[str, float],
        codes: Mapping[Event, int],
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.prior, self.codes = definitions, prior, codes
        self.events = events_of(definitions)
        self.words = words_of(items, part)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Computed for each word of each history, and looked up for each word of each candidate."""
        known = _RowWords(queries.histories, self.words)
        readers = {event: self._readers(queries, event, known) for event in self.events}
        table = np.empty((known.size, len(self.names)), np.float64)
        for column, each in enumerate(self.definitions):
            table[:, column] = self._value(each, readers, known, queries.at)
        place, code = self.words.take(candidates.items)
        found = table.take(known.keys(candidates.rows[place], code), axis=0)
        return _means(found, place, len(candidates))

    def _readers(self, queries: Queries, event: Event, known: _RowWords) -> tuple[Own, Own]:
        """Of each word of each row, and of the rows."""
        mine = of_event(queries.histories, event, self.codes)
        events, code = self.words.take(mine.items)
        keys = known.keys(mine.rows[events], code)
        return Own(mine, queries.at, keys=keys, events=events, size=known.size), Own(mine, queries.at)

    def _value(
        self, each: Feature, readers: Mapping[Event, tuple[Own, Own]], known: _RowWords, t: Moments
    ) -> AnyArray:
        """The feature of each key."""
        own, whole = readers[each.event]
        keys, rows, t = np.arange(known.size), known.rows, t[known.rows]
        match each:
            case Share():
                every = whole.counts(rows, t, each.over)
                share: AnyArray = own.counts(keys, t, each.over) / np.maximum(every, 1)
                return share
            case Among():
                return (own.counts(keys, t, each.over) > 0).astype(np.float64)
            case Mean():
                # shrunk towards the mean of the person, over what is not bounded by time
                prior = mean_of(*whole.sums(rows, t, each.over if each.over.events else Window()))
                valued, total = own.sums(keys, t, each.over)
                mean: AnyArray = (total + each.smoothing * prior) / np.maximum(valued + each.smoothing, 1e-9)
                return mean
        return value(each, lambda event: readers[event][0], keys, t, self.prior.get(each.name, np.nan))


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
        there = self._pairs.take(place, mode="clip") == wanted
        return np.where(there, place, rows + len(self._pairs))


def _means(found: AnyArray, place: Rows, size: int) -> Floats:
    """The mean of the rows of ``found`` for each place in [0, ``size``); ``place`` rises."""
    if len(place) == size and (place == np.arange(size)).all():
        return found.astype(np.float32)
    count = np.bincount(place, minlength=size)
    means = np.full((size, found.shape[1]), np.nan, np.float32)
    some = count > 0
    if some.any():
        first = (np.cumsum(count) - count)[some]
        means[some] = np.add.reduceat(found, first, axis=0) / count[some, None]
    return means
