"""The user's profile: the mean of what the items of a window are like, and how far from it a candidate is.

Profiles as means of item vectors: Pazzani and Billsus, "Content-Based Recommendation Systems", 2007.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import polars as pl

from shortlist.base.growable import GrowableArray
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats
from shortlist.features.event_definition import Owner
from shortlist.features.event_feature import WindowedFeature
from shortlist.features.kind import Block, BlockInputs, BlockMaker
from shortlist.features.readers.history_reader import HistoryReader, mean_of, of_event
from shortlist.system.contracts import TrainingData
from shortlist.system.event import Event

POPULARITY = "popularity"  # among what was learned: log(1 + events) of each item


@dataclass(frozen=True, eq=False)
class _Profile(WindowedFeature):
    """A mean over a user's window."""

    @property
    def block(self) -> BlockMaker:
        """One for all profiles."""
        return ProfileBlock

    @property
    def block_key(self) -> None:
        """The same for all attributes."""
        return


@dataclass(frozen=True, eq=False)
class Popularity(_Profile):
    """How popular the items of a user's window are: the mean of log(1 + events) at training."""

    def declaration_problems(self) -> Iterator[str]:
        """It is of users."""
        yield from super().declaration_problems()
        if self.by != "user":
            yield f"feature {self.name!r}: the popularity of a user's items is by='user'"

    def learns(
        self, data: TrainingData, codes: Mapping[Event, int]
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """The popularity of every item."""
        yield from super().learns(data, codes)
        counts = np.bincount(data.histories.items, minlength=len(data.items))
        yield POPULARITY, lambda: np.log1p(counts).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Distance(_Profile):
    """How far the candidate's number is from the mean of the user's window, signed: by=("user", NUMBER)."""

    by: Owner = field(kw_only=True)
    attribute_kind: ClassVar[str] = "number"

    def declaration_problems(self) -> Iterator[str]:
        """It needs a number."""
        yield from super().declaration_problems()
        if self.owner_entity != "user" or not isinstance(self.per, str):
            yield f"feature {self.name!r}: a distance is by=('user', NUMBER)"


@dataclass(frozen=True, eq=False)
class Similarity(_Profile):
    """The cosine of the candidate's vector and the mean vector of the user's window: by=("user", VECTOR)."""

    by: Owner = field(kw_only=True)
    attribute_kind: ClassVar[str] = "vector"

    def declaration_problems(self) -> Iterator[str]:
        """It needs a vector."""
        yield from super().declaration_problems()
        if self.owner_entity != "user" or not isinstance(self.per, str):
            yield f"feature {self.name!r}: a similarity is by=('user', VECTOR)"

    def learns(
        self, data: TrainingData, codes: Mapping[Event, int]
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """The length of vectors."""
        yield from super().learns(data, codes)
        lengths = data.items.table[str(self.per)].list.len().drop_nulls()
        yield self.length_key, lambda: int(max(lengths, default=0))

    @property
    def length_key(self) -> str:
        """Where the length is kept among what was learned."""
        return f"length.item.{self.per}"


class ProfileBlock(Block):
    """Means over windows of a history: of popularity, of a number, of a vector."""

    definitions: Sequence[_Profile]

    def __init__(self, definitions: Sequence[_Profile], inputs: BlockInputs) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self._codes = definitions, inputs.codes
        self._events = list(dict.fromkeys(each.event for each in definitions))
        self._of_items: dict[str, GrowableArray] = {}  # number or vector of each item, by attribute
        for each in definitions:
            if isinstance(each, Popularity):
                trained = inputs.learned[POPULARITY]
                later = np.zeros(len(inputs.items) - len(trained), np.float32)
                self._of_items[POPULARITY] = GrowableArray(np.concatenate([trained, later]))
            elif isinstance(each, Distance):
                self._of_items[str(each.per)] = GrowableArray(inputs.items.table[str(each.per)].to_numpy())
            elif isinstance(each, Similarity):
                vectors = vectors_of(inputs.items.table[str(each.per)], inputs.learned[each.length_key])
                self._of_items[str(each.per)] = GrowableArray(vectors)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where the candidate or the window has no such value."""
        readers = {event: self._reader(queries, event) for event in self._events}
        means = np.zeros((len(queries), len(self.names)))
        for index, each in enumerate(self.definitions):
            mine, reader = readers[each.event]
            if not isinstance(each, Similarity):
                means[:, index] = mean_of(*reader.totals(self._values(each)[mine.items], each.over))
        table = means.take(candidates.rows, axis=0)
        for index, each in enumerate(self.definitions):
            if isinstance(each, Distance):
                table[:, index] = self._values(each).take(candidates.items) - table[:, index]
            elif isinstance(each, Similarity):
                mine, reader = readers[each.event]
                vectors = self._values(each)
                sums = row_sum(mine.where(reader.inside(each.over)), vectors)
                table[:, index] = cosine(sums, vectors, candidates)
        return table.astype(np.float32)

    def with_new_items(self, items: Items) -> ProfileBlock:
        """With the numbers and vectors of the new items; training had no events on them, so their popularity is 0."""
        longer = copy(self)
        longer._of_items = {}
        for name, values in self._of_items.items():
            new = items.table[len(values) :]
            if name == POPULARITY:
                more: AnyArray = np.zeros(len(new), np.float32)
            elif values.rows.ndim == 2:
                more = vectors_of(new[name], values.rows.shape[1])
            else:
                more = new[name].to_numpy()
            longer._of_items[name] = values.appended(more)
        return longer

    def _values(self, definition: _Profile) -> AnyArray:
        key = POPULARITY if isinstance(definition, Popularity) else str(definition.per)
        return self._of_items[key].rows

    def _reader(self, queries: Queries, event: Event) -> tuple[Histories, HistoryReader]:
        mine = of_event(queries.histories, event, self._codes)
        return mine, HistoryReader(mine, queries.at)


def vectors_of(column: pl.Series, length: int) -> Floats:
    """A vector attribute as float32[rows, length]; zeros where a row has none, or one of another length."""
    vectors = np.zeros((len(column), length), np.float32)
    some = (column.list.len() == length).fill_null(False).to_numpy()
    if some.any() and length:
        vectors[some] = column.filter(pl.Series(some)).list.to_array(length).to_numpy()
    return vectors


def row_sum(histories: Histories, vectors: Floats) -> Floats:
    """The sum of the vectors of each row's items, float32[rows, length]."""
    sums = np.zeros((len(histories), vectors.shape[1]), np.float32)
    some = histories.lengths > 0
    if some.any():
        sums[some] = np.add.reduceat(vectors[histories.items], histories.offsets[:-1][some], axis=0)
    return sums


def cosine(sums: Floats, vectors: Floats, candidates: Candidates) -> AnyArray:
    """Between each candidate's vector and the sum (so the mean) of its row; NaN where one has no direction."""
    own, profile = vectors[candidates.items], sums[candidates.rows]
    dot = np.einsum("cd,cd->c", own, profile)
    size = np.sqrt(np.einsum("cd,cd->c", own, own) * np.einsum("cd,cd->c", profile, profile))
    cosines: AnyArray = np.divide(dot, size, out=np.full(len(dot), np.nan, np.float32), where=size > 0)
    return cosines
