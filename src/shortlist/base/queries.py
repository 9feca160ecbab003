"""Queries and what becomes of them: candidates that a source retrieved, and what may be returned at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Floats, Mask, Moments, Picture, Positions, Rows


@dataclass(frozen=True)
class SearchQuery:
    """What each row searches for; a row may have any of the parts, several or none."""

    pictures: Sequence[Picture | None]
    words: Sequence[str]  # empty: none
    items: Positions  # int32[rows], an item of the catalogue that others should be like; -1: none

    @classmethod
    def from_parts(
        cls,
        pictures: Sequence[Picture | None] = (),
        words: Sequence[str] = (),
        items: Sequence[int] | AnyArray = (),
    ) -> SearchQuery:
        """From those parts that the rows have."""
        rows = max(len(pictures), len(words), len(items))
        return cls(
            pictures or [None] * rows,
            words or [""] * rows,
            np.asarray(items if len(items) else [-1] * rows, np.int32),
        )

    @classmethod
    def stacked(cls, parts: Sequence[SearchQuery]) -> SearchQuery:
        """The rows of all parts, one after the other."""
        return cls(
            [picture for part in parts for picture in part.pictures],
            [words for part in parts for words in part.words],
            np.concatenate([part.items for part in parts]),
        )

    def take(self, rows: AnyArray) -> SearchQuery:
        """The given rows."""
        places = np.arange(len(self.items))[rows].tolist()
        return SearchQuery(
            [self.pictures[row] for row in places], [self.words[row] for row in places], self.items[rows]
        )


@dataclass(frozen=True)
class Queries:
    """A batch of queries: one row for a request, thousands for batch work and evaluation."""

    histories: Histories  # what the user of each row did before
    at: Moments  # int64[rows], the moment of each
    context: AnyArray | None = None  # int16[rows, contexts], the code of each, -1 where missing
    search: SearchQuery | None = None  # what each row searches for; None: nothing

    def __len__(self) -> int:
        return len(self.at)

    def first_items(self, count: int | None) -> Queries:
        """The same as a component sees them that knows only the first ``count`` items; None: all."""
        if count is None:
            return self
        histories, search = self.histories, self.search
        if int(histories.items.max(initial=-1)) >= count:
            histories = histories.where(histories.items < count)
        if search is not None:
            search = replace(search, items=np.where(search.items < count, search.items, np.int32(-1)))
        return replace(self, histories=histories, search=search)

    @classmethod
    def stacked(cls, parts: Sequence[Queries]) -> Queries:
        """The rows of all parts, one after the other; all have contexts and search queries, or none has."""
        contexts = [part.context for part in parts if part.context is not None]
        searches = [part.search for part in parts if part.search is not None]
        return cls(
            Histories.stacked([part.histories for part in parts]),
            np.concatenate([part.at for part in parts]),
            np.concatenate(contexts) if contexts else None,
            SearchQuery.stacked(searches) if searches else None,
        )

    def take(self, rows: AnyArray) -> Queries:
        """The given rows as a batch of their own."""
        context = None if self.context is None else self.context[rows]
        search_query = None if self.search is None else self.search.take(rows)
        return Queries(self.histories.take(rows), self.at[rows], context, search_query)


@dataclass(frozen=True)
class Retrieved:
    """What one source returns: candidates sorted by row, best first within a row, never one twice."""

    rows: Rows  # int64[retrieved]
    items: Positions  # int32[retrieved]
    scores: Floats  # float32[retrieved], the source's own scale

    @classmethod
    def joined(cls, parts: Sequence[Retrieved]) -> Retrieved:
        """Parts one after the other; their rows must rise."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "items", "scores"))
        )


@dataclass(frozen=True)
class Ragged:
    """A set of items for each row: ``items[offsets[r]:offsets[r + 1]]``."""

    offsets: Rows
    items: Positions

    @cached_property
    def rows(self) -> Rows:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @classmethod
    def from_lists(cls, lists: Sequence[Sequence[int]]) -> Ragged:
        """From one list of item positions per row."""
        offsets = np.cumsum([0, *(len(items) for items in lists)])
        return cls(offsets.astype(np.int64), np.array([item for items in lists for item in items], np.int32))

    @classmethod
    def joined(cls, sets: Sequence[Ragged], rows: int) -> Ragged:
        """All entries of several sets over the same ``rows`` rows."""
        if len(sets) == 1:
            return sets[0]
        at_rows = np.concatenate([np.zeros(0, np.int64), *(each.rows for each in sets)])
        items = np.concatenate([np.zeros(0, np.int32), *(each.items for each in sets)])
        order = np.argsort(at_rows, kind="stable")
        return cls(np.searchsorted(at_rows[order], np.arange(rows + 1)), items[order])

    def take(self, rows: AnyArray) -> Ragged:
        """The sets of the given rows."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Ragged(
            offsets,
            self.items[np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])],
        )


@dataclass(frozen=True)
class Allowed:
    """What may be returned: ``shared`` holds for every row, ``hidden`` lists what single rows must not get."""

    shared: Mask  # bool[items]
    hidden: Ragged

    def hide(self, scores: Floats, first_row: int = 0) -> None:
        """Set what is not allowed to -inf, in place, in dense ``scores`` (rows from ``first_row`` on, items)."""
        if not self.shared.all():
            scores[:, ~self.shared] = -np.inf
        span = slice(self.hidden.offsets[first_row], self.hidden.offsets[first_row + len(scores)])
        lengths = np.diff(self.hidden.offsets[first_row : first_row + len(scores) + 1])
        scores[np.repeat(np.arange(len(scores)), lengths), self.hidden.items[span]] = -np.inf

    def take(self, rows: AnyArray) -> Allowed:
        """The same for the given rows."""
        return Allowed(self.shared, self.hidden.take(rows))

    def among(self, known: Positions, place: Positions) -> Allowed:
        """The same over a part of the catalogue: ``known`` items, ``place`` of each item in it or -1."""
        places = place[self.hidden.items]
        inside = np.concatenate([[0], np.cumsum(places >= 0)])
        return Allowed(self.shared[known], Ragged(inside[self.hidden.offsets], places[places >= 0]))

    def first_items(self, count: int | None) -> Allowed:
        """The same over the first ``count`` items of the catalogue; None: all."""
        if count is None or count >= len(self.shared):
            return self
        old = self.hidden.items < count
        counts = np.concatenate([[0], np.cumsum(old)])
        return Allowed(self.shared[:count], Ragged(counts[self.hidden.offsets], self.hidden.items[old]))

    def keep(self, rows: Rows, items: Positions) -> Mask:
        """Which (row, item) pairs are allowed."""
        allowed: Mask = self.shared[items]
        hidden = self._hidden_pairs
        if len(hidden):
            pairs = rows * np.int64(len(self.shared)) + items
            place = np.minimum(np.searchsorted(hidden, pairs), len(hidden) - 1)
            allowed &= hidden[place] != pairs
        return allowed

    @cached_property
    def _hidden_pairs(self) -> Rows:
        """The hidden (row, item) pairs as one number each, sorted."""
        return np.sort(self.hidden.rows * np.int64(len(self.shared)) + self.hidden.items)


@dataclass(frozen=True)
class Candidates:
    """What all sources retrieved, merged: sorted by row, each (row, item) once, with its provenance."""

    rows: Rows  # int64[candidates]
    items: Positions  # int32[candidates]
    scores: Floats  # float32[candidates, sources], every source's score of every candidate
    retrieved_by: (
        Mask  # bool[candidates, sources], which sources proposed it; none: filled in from popularity
    )

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def given(cls, rows: Rows, items: Positions, sources: int) -> Candidates:
        """Candidates that no source retrieved; their scores are 0."""
        by = np.zeros((len(rows), sources), bool)
        return cls(rows, items, by.astype(np.float32), by)

    def take(self, which: AnyArray) -> Candidates:
        """The candidates at the given places, or of the given mask."""
        return Candidates(self.rows[which], self.items[which], self.scores[which], self.retrieved_by[which])
