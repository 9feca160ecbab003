"""What was done with an item: as of any past moment, or now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import RLock

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.durations import microseconds
from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Moments, Positions, Rows
from shortlist.features.block import Block
from shortlist.features.formulas import Reader, value
from shortlist.features.readers.live import Live
from shortlist.features.readers.tiled_window import LATEST, NEVER
from shortlist.features.readers.timeline import Timeline
from shortlist.features.request import size_of, slots
from shortlist.system.event import Event
from shortlist.system.features import Decayed, Distinct, Feature, Rate, Windowed


class ItemBlock(Block):
    """Features that items own, from whichever reader: as of each query's moment, or now."""

    definitions: Sequence[Feature]

    def __init__(
        self, definitions: Sequence[Feature], prior: Mapping[str, float], readers: ItemReaders
    ) -> None:
        self.names = [each.name for each in definitions]
        self.definitions, self.prior, self.readers = definitions, prior, readers

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """A few look-ups for each definition."""
        t, context = queries.at[candidates.rows], context_of(queries, candidates)
        table = np.empty((len(candidates), len(self.names)), np.float32)
        for place in range(len(self.names)):
            table[:, place] = self.column(place, candidates.items, t, context)
        return table

    def column(self, place: int, items: Positions, t: Moments, context: AnyArray | None) -> AnyArray:
        """One feature of each item at each t, float64; NaN where it is of a context that is not said."""
        each = self.definitions[place]
        prior = self.prior.get(each.name, np.nan)
        keys = self.readers.keys(items, t, context, each.context)
        found = value(each, self.readers.of(each.context), np.maximum(keys, 0), t, prior)
        return found if each.context is None else np.where(keys < 0, np.nan, found)


def context_of(queries: Queries, candidates: Candidates) -> AnyArray | None:
    """What the asker of each candidate said, int16[candidates, contexts]."""
    return None if queries.context is None else queries.context[candidates.rows]


class ItemReaders:
    """A reader for each kind of event and each way to divide an item's events."""

    def __init__(
        self,
        items: int,
        codes: Mapping[Event, int],
        contexts: Contexts,
        make: Callable[[Event, str | None], Reader],
    ) -> None:
        self.items, self.codes, self.contexts, self._make = items, codes, contexts, make
        self._made: dict[tuple[Event, str | None], Reader] = {}

    def of(self, per: str | None) -> Callable[[Event], Reader]:
        """Readers by event, for events divided by ``per``."""

        def reader(event: Event) -> Reader:
            if (event, per) not in self._made:
                self._made[event, per] = self._make(event, per)
            return self._made[event, per]

        return reader

    def keys(self, items: Positions, at: Moments, context: AnyArray | None, per: str | None) -> AnyArray:
        """The reader's key of each item at each moment: the item, or the item in a context; below 0: not said."""
        if per is None:
            return items.astype(np.int64)
        slot = slots(per, at, context, self.contexts)
        return np.where(slot < 0, -1, items.astype(np.int64) * size_of(per, self.contexts) + slot)

    def size(self, per: str | None) -> int:
        """How many keys there are."""
        return self.items * (size_of(per, self.contexts) if per else 1)


def as_of(
    items: int, codes: Mapping[Event, int], histories: Histories, contexts: Contexts = NO_CONTEXTS
) -> ItemReaders:
    """Readers of any past moment of a log, which know then what was known then."""

    def timeline(event: Event, per: str | None) -> Timeline:
        h = histories
        mine = h.event == codes[event]
        keys = readers.keys(h.items, h.at, h.context, per)
        mine &= keys >= 0
        known = None if h.available_at is None else h.available_at[mine]
        return Timeline(keys[mine], h.at[mine], h.value[mine], readers.size(per), known, h.rows[mine])

    readers = ItemReaders(items, codes, contexts, timeline)
    return readers


class LiveItems(ItemReaders):
    """Readers of this moment, which take in what happens. One thread may tell them while others read."""

    def __init__(
        self,
        items: int,
        codes: Mapping[Event, int],
        definitions: Iterable[Feature],
        contexts: Contexts = NO_CONTEXTS,
    ) -> None:
        wanted: dict[tuple[Event, str | None], list[Feature]] = {}
        for each in definitions:
            for event in [each.event, *([each.over_event] if isinstance(each, Rate) else [])]:
                wanted.setdefault((event, each.context), []).append(each)
        super().__init__(items, codes, contexts, lambda event, per: self.live[event, per])
        self.live = {
            (event, per): Live(
                self.size(per),
                {
                    each.over
                    for each in users
                    if isinstance(each, Windowed) and not isinstance(each, Distinct)
                },
                {microseconds(each.half_life) or 1 for each in users if isinstance(each, Decayed)},
                {each.over for each in users if isinstance(each, Distinct)},
            )
            for (event, per), users in wanted.items()
        }
        self.lock = RLock()  # who reads several values holds it, so that they are of one moment
        self.due = NEVER  # when a reader changes next by itself
        self._changed = False

    @property
    def tells_users_apart(self) -> bool:
        """Whether ``add`` needs to know who did it."""
        return any(live.different.rings for live in self.live.values())

    def add(
        self,
        items: Positions,
        at: Moments,
        event: AnyArray,
        amount: AnyArray,
        *,
        users: Rows | None = None,
        context: AnyArray | None = None,
    ) -> None:
        """Take in events, in the order in which they became known.

        ``event`` holds codes, ``users`` a number for each user (of those of the histories, their rows), ``context``
        int16[events, contexts].
        """
        with self.lock:
            for (kind, per), live in self.live.items():
                keys = self.keys(items, at, context, per)
                mine = (event == self.codes[kind]) & (keys >= 0)
                if mine.any():
                    others = None if users is None else users[mine]
                    live.add(keys[mine], at[mine], amount[mine].astype(np.float64), others)
            self._plan()

    def tell(self, histories: Histories) -> None:
        """Take in a log in the order in which it became known; the clock stays, until somebody reads."""
        h = histories
        order = slice(None) if h.available_at is None else np.argsort(h.available_at, kind="stable")
        context = None if h.context is None else h.context[order]
        self.add(
            h.items[order], h.at[order], h.event[order], h.value[order], users=h.rows[order], context=context
        )

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
