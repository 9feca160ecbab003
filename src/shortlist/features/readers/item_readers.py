"""Readers of the events of items: as of past moments, or now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from threading import RLock

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.histories import Histories
from shortlist.base.types import AnyArray, Moments, Positions, Rows
from shortlist.features.readers.contexts import context_codes, context_size
from shortlist.features.readers.live import Live
from shortlist.features.readers.reader import ItemStatistics, Reader
from shortlist.features.readers.tiled_window import LATEST, NEVER
from shortlist.features.readers.timeline import Timeline
from shortlist.system.event import Event


class ItemReaders(ABC):
    """A reader for each kind of event and each context that divides an item's events."""

    def __init__(self, items: int, codes: Mapping[Event, int], contexts: Contexts) -> None:
        self.items, self.codes, self.contexts = items, codes, contexts

    @abstractmethod
    def reader(self, event: Event, per: str | None) -> Reader:
        """Of ``event``, divided by the context ``per``; None: not divided."""

    @abstractmethod
    def with_new_items(self, items: int) -> ItemReaders:
        """Readers of a catalogue of ``items`` items, of which these have the first."""

    def of(self, per: str | None) -> Callable[[Event], Reader]:
        """Readers by event, for events divided by ``per``."""
        return lambda event: self.reader(event, per)

    def keys(self, items: Positions, at: Moments, context: AnyArray | None, per: str | None) -> AnyArray:
        """The reader's key of each item at each moment: the item, or the item in a context; -1: context missing.

        Keys of one item are together, so that those of new items come after all others.
        """
        if per is None:
            return items.astype(np.int64)
        code = context_codes(per, at, context, self.contexts)
        return np.where(code < 0, -1, items.astype(np.int64) * context_size(per, self.contexts) + code)

    def size(self, per: str | None) -> int:
        """How many keys there are."""
        return self.items * (context_size(per, self.contexts) if per else 1)


class PastItems(ItemReaders):
    """Readers of any past moment of a log, which know then what was available then."""

    def __init__(
        self, items: int, codes: Mapping[Event, int], histories: Histories, contexts: Contexts = NO_CONTEXTS
    ) -> None:
        super().__init__(items, codes, contexts)
        self._histories = histories
        self._timelines: dict[tuple[Event, str | None], Timeline] = {}

    def reader(self, event: Event, per: str | None) -> Timeline:
        """A timeline, made when it is first read."""
        if (event, per) not in self._timelines:
            self._timelines[event, per] = self._timeline(event, per)
        return self._timelines[event, per]

    def with_new_items(self, items: int) -> PastItems:
        """Over the same log."""
        return PastItems(items, self.codes, self._histories, self.contexts)

    def _timeline(self, event: Event, per: str | None) -> Timeline:
        h = self._histories
        keys = self.keys(h.items, h.at, h.context, per)
        mine = (h.event == self.codes[event]) & (keys >= 0)
        available_at = None if h.available_at is None else h.available_at[mine]
        return Timeline(keys[mine], h.at[mine], h.value[mine], self.size(per), available_at, h.rows[mine])


class LiveItems(ItemReaders):
    """Readers of this moment, which are updated event by event and grow with the catalogue.

    One thread may update them while others read; ``lock`` is held by whoever changes or reads them.
    """

    def __init__(
        self,
        items: int,
        codes: Mapping[Event, int],
        statistics: Mapping[tuple[Event, str | None], ItemStatistics],
        contexts: Contexts = NO_CONTEXTS,
    ) -> None:
        super().__init__(items, codes, contexts)
        self.live = {
            (event, per): Live(self.size(per), needed) for (event, per), needed in statistics.items()
        }
        self.lock = RLock()  # who reads several values holds it, so that they are of one moment
        self.due = NEVER  # when a reader changes next by itself
        self._changed = False

    @property
    def needs_users(self) -> bool:
        """Whether ``add`` needs to know whose the events are."""
        return any(live.distinct_counts.windows for live in self.live.values())

    def reader(self, event: Event, per: str | None) -> Live:
        """The one that was declared."""
        return self.live[event, per]

    def with_new_items(self, items: int) -> LiveItems:
        """These readers, with room for ``items`` items: whoever reads fewer of them is not disturbed."""
        with self.lock:
            self.items = max(items, self.items)
            for (_, per), live in self.live.items():
                live.reserve(self.size(per))
        return self

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
        """Take in events, in the order in which they became available.

        ``event`` holds codes, ``users`` a number for each user (of those of the histories, their rows), ``context``
        int16[events, contexts].
        """
        with self.lock:
            for (kind, per), live in self.live.items():
                keys = self.keys(items, at, context, per)
                mine = (event == self.codes[kind]) & (keys >= 0)
                if mine.any():
                    counterparts = None if users is None else users[mine]
                    live.add(keys[mine], at[mine], amount[mine].astype(np.float64), counterparts)
            self._plan()

    def add_histories(self, histories: Histories) -> None:
        """Take in a log in the order in which it became available; the clock stays until something is read."""
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
