"""What is known about an item alone: its numbers, its age, and what was done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from shortlist.base.columns import DAY, HOUR, ITEM
from shortlist.base.durations import microseconds
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments, Positions
from shortlist.features.block import Block
from shortlist.features.formulas import Reader, value
from shortlist.features.live import Live
from shortlist.features.timeline import Timeline
from shortlist.system.event import Event
from shortlist.system.features import CONTEXTS, Decayed, Feature, Rate, Windowed


class ItemBlock(Block):
    """Features that items own, from whichever reader: as of each query's moment, or now."""

    def __init__(
        self, definitions: Sequence[Feature], usual: Mapping[str, float], readers: ItemReaders
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.usual, self.readers = definitions, usual, readers

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """A few look-ups for each definition."""
        t = queries.at[candidates.rows]
        table = np.empty((len(candidates), len(self.names)), np.float32)
        for place, each in enumerate(self.definitions):
            keys = keys_of(candidates.items, t, each.per)
            table[:, place] = value(
                each, self.readers.of(each.per), keys, t, self.usual.get(each.name, np.nan)
            )
        return table


class ItemReaders:
    """A reader for each kind of event and each way to divide an item's events."""

    def __init__(
        self, items: int, codes: Mapping[Event, int], make: Callable[[Event, str | None], Reader]
    ) -> None:
        self.items, self.codes, self._make = items, codes, make
        self._made: dict[tuple[Event, str | None], Reader] = {}

    def of(self, per: str | None) -> Callable[[Event], Reader]:
        """Readers by event, for events divided by ``per``."""

        def reader(event: Event) -> Reader:
            if (event, per) not in self._made:
                self._made[event, per] = self._make(event, per)
            return self._made[event, per]

        return reader


def as_of(items: int, codes: Mapping[Event, int], histories: Histories) -> ItemReaders:
    """Readers of any past moment of a log, which know then what was known then."""

    def timeline(event: Event, per: str | None) -> Timeline:
        mine = histories.event == codes[event]
        at, keys = histories.at[mine], keys_of(histories.items[mine], histories.at[mine], per)
        known = None if histories.known is None else histories.known[mine]
        return Timeline(keys, at, histories.value[mine], _size(items, per), available=known)

    return ItemReaders(items, codes, timeline)


class LiveItems(ItemReaders):
    """Readers of this moment, which take in what happens."""

    def __init__(self, items: int, codes: Mapping[Event, int], definitions: Iterable[Feature]) -> None:
        wanted: dict[tuple[Event, str | None], list[Feature]] = {}
        for each in definitions:
            for event in [each.event, *([each.over_event] if isinstance(each, Rate) else [])]:
                wanted.setdefault((event, each.per), []).append(each)
        super().__init__(items, codes, lambda event, per: self.live[event, per])
        self.live = {
            (event, per): Live(
                _size(items, per),
                {each.over for each in users if isinstance(each, Windowed)},
                {microseconds(each.half_life) or 1 for each in users if isinstance(each, Decayed)},
            )
            for (event, per), users in wanted.items()
        }

    def add(self, items: Positions, at: Moments, event: AnyArray, amount: AnyArray) -> None:
        """Take in events, in the order in which they became known; ``event`` holds codes."""
        for (kind, per), live in self.live.items():
            mine = event == self.codes[kind]
            if mine.any():
                live.add(keys_of(items[mine], at[mine], per), at[mine], amount[mine].astype(np.float64))

    def learn(self, histories: Histories) -> None:
        """Take in a whole log, and stand at its end."""
        h = histories
        order = slice(None) if h.known is None else np.argsort(h.known, kind="stable")
        self.add(h.items[order], h.at[order], h.event[order], h.value[order])
        self.advance(h.end)

    def advance(self, now: int) -> None:
        """Move the clock of all readers to ``now``, microseconds."""
        for live in self.live.values():
            live.advance(now)


def keys_of(items: Positions, at: Moments, per: str | None) -> AnyArray:
    """The reader's key of each item at each moment: the item itself, or the item in its hour or weekday (UTC)."""
    if per is None:
        return items.astype(np.int64)
    slot = at // HOUR % 24 if per == "hour" else (at // DAY + 3) % 7  # the epoch was a Thursday
    return items.astype(np.int64) * CONTEXTS[per] + slot


def _size(items: int, per: str | None) -> int:
    return items * (CONTEXTS[per] if per else 1)


class NumberBlock(Block):
    """The catalogue's numbers."""

    def __init__(self, items: Items) -> None:
        attributes = named(items, "number")
        self.names = [f"item_{name}" for name in attributes]
        columns = [items.table[name].to_numpy() for name in attributes]
        self.matrix = (
            np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((len(items), 0), np.float32)
        )

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:  # noqa: ARG002
        """Rows of one matrix in the process, taken by position."""
        taken: Floats = self.matrix[candidates.items]
        return taken


class AgeBlock(Block):
    """How old an item is when the query asks, in days, for a Time attribute."""

    def __init__(self, items: Items, attribute: str) -> None:
        self.names = [f"age_{attribute}"]
        self.at = items.table[attribute].cast(pl.Float64).to_numpy()

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Days; below 0 before the item's time."""
        days = (queries.at[candidates.rows] - self.at[candidates.items]) / DAY
        return np.asarray(days[:, None], dtype=np.float32)


def named(items: Items, kind: str) -> list[str]:
    """The catalogue's attributes of a kind: ``words`` (tags, categories), ``number`` or ``time``."""
    kinds: dict[str, Callable[[pl.DataType], bool]] = {
        "words": lambda dtype: isinstance(dtype, pl.List | pl.String),
        "number": lambda dtype: dtype.is_float(),
        "time": lambda dtype: dtype.is_integer(),
    }
    return [name for name, dtype in items.table.schema.items() if name != ITEM and kinds[kind](dtype)]
