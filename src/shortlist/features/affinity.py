"""What a person did with things that share the candidate's words: of its genre, of its brand, of its price band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items, Words
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments, Rows
from shortlist.features.block import Block
from shortlist.features.formulas import value
from shortlist.features.taste import row_mean
from shortlist.features.timeline import Timeline
from shortlist.features.user import of_event
from shortlist.features.words import words_of
from shortlist.system.event import Event
from shortlist.system.features import Among, Feature, Mean, Part, Share, Window, Windowed


class AffinityBlock(Block):
    """Features by ``("user", ATTRIBUTE)``: what a person did with things that share the candidate's words.

    A candidate with several words has the mean of theirs, one without any NaN.
    """

    definitions: Sequence[Feature]

    def __init__(
        self, definitions: Sequence[Feature], items: Items, part: Part, codes: Mapping[Event, int]
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.codes = definitions, codes
        self.words = words_of(items, part)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """One look-up for each word of each candidate."""
        place, code = self.words.of(candidates.items)
        rows = candidates.rows[place]
        count = np.bincount(place, minlength=len(candidates))
        made: dict[tuple[Event, int | None], _RowWords] = {}
        table = np.empty((len(candidates), len(self.names)), np.float32)
        for column, each in enumerate(self.definitions):
            newest = each.over.events if isinstance(each, Windowed) else None
            if (each.event, newest) not in made:
                made[each.event, newest] = _RowWords(self._history(queries, each.event, newest), self.words)
            found = made[each.event, newest].value(each, rows, code, queries.at[rows])
            total = np.bincount(place, weights=found, minlength=len(candidates))
            table[:, column] = np.divide(total, count, out=np.full(len(candidates), np.nan), where=count > 0)
        return table

    def _history(self, queries: Queries, event: Event, newest: int | None) -> Histories:
        mine = of_event(queries.histories, event, self.codes)
        return mine.last(newest) if newest else mine


class _RowWords:
    """A reader whose keys are the (row, word) pairs that occur; one more key stands for those that do not."""

    def __init__(self, histories: Histories, words: Words) -> None:
        event, code = words.of(histories.items)
        self.size = max(words.size, 1)
        self.pairs, keys = np.unique(histories.rows[event] * self.size + code, return_inverse=True)
        self.reader = Timeline(
            keys,
            histories.at[event],
            histories.value[event],
            len(self.pairs) + 1,
            others=histories.items[event],
        )
        self.whole = Timeline.of(histories)
        self.histories = histories

    def value(self, feature: Feature, rows: Rows, code: AnyArray, t: Moments) -> AnyArray:
        """The feature of each (row, word) at each t."""
        window = feature.over if isinstance(feature, Windowed) and not feature.over.events else Window()
        keys = self._keys(rows, code)
        if isinstance(feature, Share):
            part, every = self.reader.counts(keys, t, window), self.whole.counts(rows, t, window)
            share: AnyArray = part / np.maximum(every, 1)
            return share
        if isinstance(feature, Among):
            return (self.reader.counts(keys, t, window) > 0).astype(np.float64)
        if isinstance(feature, Mean):
            valued, total = self.reader.sums(keys, t, window)
            usual = row_mean(self.histories.offsets, self.histories.value)[rows]
            mean: AnyArray = (total + feature.smoothing * usual) / np.maximum(
                valued + feature.smoothing, 1e-9
            )
            return mean
        return value(feature, lambda _: self.reader, keys, t, np.nan)

    def _keys(self, rows: Rows, code: AnyArray) -> AnyArray:
        wanted = rows * self.size + code
        place = np.minimum(np.searchsorted(self.pairs, wanted), max(len(self.pairs) - 1, 0))
        there = self.pairs[place] == wanted if len(self.pairs) else np.zeros(len(wanted), bool)
        return np.where(there, place, len(self.pairs))
