"""What is known about an item alone: its numbers, its age, and what was done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import RLock

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
from shortlist.features.live import LATEST, NEVER, Live
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
        for place in range(len(self.names)):
            table[:, place] = self.column(place, candidates.items, t)
        return table

    def column(self, place: int, items: Positions, t: Moments) -> AnyArray:
        """One feature of each item at each t, float64."""
        each = self.definitions[place]
        usual = self.usual.get(each.name, np.nan)
        return value(each, self.readers.of(each.per), keys_of(items, t, each.per), t, usual)


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
    """Readers of this moment, which take in what happens. One thread may tell them while others read."""

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
        self.lock = RLock()  # who reads several values holds it, so that they are of one moment
        self.due = NEVER  # when a reader changes next by itself
        self._changed = False

    def add(self, items: Positions, at: Moments, event: AnyArray, amount: AnyArray) -> None:
        """Take in events, in the order in which they became known; ``event`` holds codes."""
        with self.lock:
            for (kind, per), live in self.live.items():
                mine = event == self.codes[kind]
                if mine.any():
                    live.add(keys_of(items[mine], at[mine], per), at[mine], amount[mine].astype(np.float64))
            self._plan()

    def learn(self, histories: Histories) -> None:
        """Take in a whole log, and stand at its end."""
        h = histories
        order = slice(None) if h.known is None else np.argsort(h.known, kind="stable")
        self.add(h.items[order], h.at[order], h.event[order], h.value[order])
        self.advance(h.end)

    def advance(self, now: int) -> None:
        """Move the clock of all readers to ``now``, microseconds."""
        if now < self.due:
            return
        with self.lock:
            for live in self.live.values():
                live.advance(now)
            self._plan()

    def changes(self) -> AnyArray:
        """The items of which something but its age has changed since the last call, each once."""
        if not self._changed:
            return np.zeros(0, np.int64)
        with self.lock:
            self._changed = False
            touched = [live.changes() for (_, per), live in self.live.items() if per is None]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *touched]))

    def _plan(self) -> None:
        self.due = min((live.due for live in self.live.values()), default=LATEST)
        self._changed = True


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
