"""What is known about the asker, from the history that came with the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items, Words
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments, Rows
from shortlist.features.block import Block
from shortlist.features.formulas import value
from shortlist.features.timeline import Timeline
from shortlist.system.event import Event
from shortlist.system.features import Distinct, Feature, Mean, Share, Window, Windowed

LATELY = 10  # events


class UserBlock(Block):
    """Features that people own: computed once per query, then repeated for its candidates."""

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
            if isinstance(each, Distinct):
                table[:, place] = reader.distinct(each.event, queries.at, each.over)
            else:
                usual = self.usual.get(each.name, np.nan)
                table[:, place] = value(each, reader, rows, queries.at, usual)
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

    def distinct(self, event: Event, t: Moments, window: Window) -> AnyArray:
        """How many different items are in each row's window."""
        mine = of_event(self.histories, event, self.codes)
        low, high = self(event).span(np.arange(len(mine)), t, window)
        place = np.arange(len(mine.items))
        inside = (place >= low[mine.rows]) & (place < high[mine.rows])
        pairs = np.unique(np.stack([mine.rows[inside], mine.items[inside]]), axis=1)
        return np.bincount(pairs[0], minlength=len(mine)).astype(np.float64)


class AffinityBlock(Block):
    """Features by ``("user", ATTRIBUTE)``: what a person did with things that share the candidate's words.

    A candidate with several words has the mean of theirs, one without any NaN.
    """

    def __init__(
        self, definitions: Sequence[Feature], items: Items, attribute: str, codes: Mapping[Event, int]
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.codes = definitions, codes
        self.words = items.words(attribute)

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
        self.reader = Timeline(keys, histories.at[event], histories.value[event], len(self.pairs) + 1)
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


class TasteBlock(Block):
    """How popular the things are that a person does, ever and lately."""

    def __init__(self, popularity: Floats) -> None:
        self.names = ["user_popularity", "user_popularity_lately"]
        self.popularity = popularity  # log(1 + events) of each item when the model learned

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Means over the history."""
        return row_means(queries, candidates, self.popularity)


class DistanceBlock(Block):
    """How far a candidate's number is from the mean of the history's, ever and lately (signed)."""

    def __init__(self, items: Items, attribute: str) -> None:
        self.names = [f"{attribute}_distance", f"{attribute}_distance_lately"]
        self.numbers = items.table[attribute].to_numpy()

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where either side is unknown."""
        own = self.numbers[candidates.items][:, None]
        distance: Floats = (own - row_means(queries, candidates, self.numbers)).astype(np.float32)
        return distance


def row_means(queries: Queries, candidates: Candidates, numbers: AnyArray) -> Floats:
    """The mean of an item's number over each candidate's history, ever and lately: float32[candidates, 2]."""
    sides = [queries.histories, queries.histories.last(LATELY)]
    means = [row_mean(side.offsets, numbers[side.items])[candidates.rows] for side in sides]
    return np.stack(means, axis=1).astype(np.float32)


def row_mean(offsets: AnyArray, values: AnyArray) -> AnyArray:
    """The mean of each row's values, NaNs left out; NaN where there are none."""
    known = ~np.isnan(values)
    totals = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0), dtype=np.float64)])
    counts = np.concatenate([[0], np.cumsum(known)])
    total, count = np.diff(totals[offsets]), np.diff(counts[offsets])
    mean: AnyArray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean


def of_event(histories: Histories, event: Event, codes: Mapping[Event, int]) -> Histories:
    """Only the events of one kind."""
    return histories if len(codes) == 1 else histories.where(histories.event == codes[event])
