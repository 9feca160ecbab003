"""Events of users, as one ragged columnar table: the form in which histories travel through the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shortlist.base.types import AnyArray, Floats, Mask, Moments, Positions, Rows


@dataclass(frozen=True)
class Histories:
    """Events of many users (one row each), oldest first within a row.

    Row ``r`` owns the events ``offsets[r]:offsets[r + 1]`` of the flat columns. A row may be a user, a
    session, or a single item that stands for itself.
    """

    offsets: Rows  # int64[rows + 1]
    items: Positions  # int32[events]
    at: Moments  # int64[events], microseconds
    event: AnyArray  # int16[events], position in the System's events
    value: Floats  # float32[events], NaN where the event has none
    available_at: Moments | None = None  # int64[events], when each became available; None: as it happened
    context: AnyArray | None = (
        None  # int16[events, contexts], the code of each, -1 where missing; None: no contexts
    )
    users: AnyArray | None = None  # str[rows], the key of each row's user; None: unknown

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> Rows:
        """Events in each row, int64[rows]."""
        return np.diff(self.offsets)

    @cached_property
    def rows(self) -> Rows:
        """The row of each event, int64[events]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def age_rank(self) -> Rows:
        """How many later events its row has, for each event: 0 is the newest. int64[events]."""
        return np.repeat(self.offsets[1:], self.lengths) - 1 - np.arange(len(self.items))

    @classmethod
    def empty(cls, rows: int) -> Histories:
        """``rows`` rows without events."""
        return cls.from_lists([[]] * rows)

    @classmethod
    def from_lists(
        cls,
        items: Sequence[Sequence[int]],
        at: Sequence[Sequence[int]] | None = None,
        value: Sequence[Sequence[float]] | None = None,
    ) -> Histories:
        """From one list of item positions per row; without ``at``, times are 0, 1, 2 ... microseconds."""
        lengths = np.array([len(row) for row in items], dtype=np.int64)
        count = int(lengths.sum())

        def flat(lists: Sequence[Sequence[float]], dtype: type) -> AnyArray:
            return np.array([x for row in lists for x in row], dtype=dtype)

        return cls(
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            items=flat(items, np.int32),
            at=flat(at if at is not None else [range(n) for n in lengths], np.int64),
            event=np.zeros(count, np.int16),
            value=flat(value, np.float32) if value is not None else np.full(count, np.nan, np.float32),
        )

    def take(self, rows: AnyArray) -> Histories:
        """The given rows, in the given order; a row may come more than once."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        events = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return self._with(offsets, events, None if self.users is None else self.users[rows])

    def where(self, keep: Mask) -> Histories:
        """The same rows with only the events of the mask ``keep``."""
        counts = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
        return self._with(counts[self.offsets], keep, self.users)

    def before(self, moments: Moments) -> Histories:
        """Each row's events with ``at < moments[row]`` that were known by then."""
        limit = np.repeat(moments, self.lengths)
        early = self.at < limit
        return self.where(early if self.available_at is None else early & (self.available_at <= limit))

    def of_kind(self, code: int) -> Histories:
        """The same rows with only one kind of event; made once, since several features read it."""
        if code not in self._kinds:
            self._kinds[code] = self.where(self.event == code)
        return self._kinds[code]

    @cached_property
    def _kinds(self) -> dict[int, Histories]:
        return {}

    def last(self, n: int) -> Histories:
        """The newest ``n`` events of each row."""
        if not len(self.items) or int(self.lengths.max()) <= n:
            return self
        return self.where(self.age_rank < n)

    @property
    def clock(self) -> Moments:
        """When each event became available, int64[events]."""
        return self.at if self.available_at is None else self.available_at

    @property
    def end(self) -> int:
        """The first moment at which all of it has happened and was known; 0 where there is nothing."""
        return int(np.maximum(self.at, self.clock).max(initial=-1)) + 1

    def first_at(self) -> Moments:
        """The moment of each row's first event; the largest int64 where a row has none."""
        latest = np.iinfo(np.int64).max
        starts = np.minimum(self.offsets[:-1], max(len(self.at) - 1, 0))
        return np.where(self.lengths > 0, self.at[starts] if len(self.at) else latest, latest).astype(
            np.int64
        )

    def first_context(self) -> AnyArray | None:
        """The context of each row's first event, int16[rows, contexts]; -1 where a row has none."""
        if self.context is None:
            return None
        words = np.full((len(self), self.context.shape[1]), -1, np.int16)
        some = self.lengths > 0
        words[some] = self.context[self.offsets[:-1][some]]
        return words

    def _with(self, offsets: Rows, events: AnyArray, users: AnyArray | None) -> Histories:
        """The given events in rows of ``users`` that end at ``offsets``."""
        return Histories(
            offsets,
            self.items[events],
            self.at[events],
            self.event[events],
            self.value[events],
            None if self.available_at is None else self.available_at[events],
            None if self.context is None else self.context[events],
            users,
        )

    def of_users(self, users: AnyArray) -> Histories:
        """The same rows, each of the user whose key is in ``users``, str[rows]."""
        return replace(self, users=users)

    @classmethod
    def stacked(cls, parts: Sequence[Histories]) -> Histories:
        """The rows of all parts, one after the other. A column that only some have is missing in the others."""
        if len(parts) == 1:
            return parts[0]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))])
        flat = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _FLAT}
        return cls(
            offsets.astype(np.int64),
            **flat,
            available_at=_stacked(parts, "available_at", lambda part: part.at),
            context=_stacked(parts, "context", _no_context(parts)),
            users=_stacked(parts, "users", lambda part: np.full(len(part), None, object)),
        )

    def ordered(self, order: AnyArray) -> Histories:
        """The same rows with their events in another order; an event must stay in its row."""
        return self._with(self.offsets, order, self.users)

    def remapped(self, positions: Positions) -> Histories:
        """The same events with ``items`` replaced through ``positions``; those mapped to -1 are left out."""
        moved = replace(self, items=positions[self.items].astype(np.int32))
        return moved.where(moved.items >= 0)


_FLAT = ("items", "at", "event", "value")


def _no_context(parts: Sequence[Histories]) -> Callable[[Histories], AnyArray]:
    width = max((part.context.shape[1] for part in parts if part.context is not None), default=0)
    return lambda part: np.full((len(part.items), width), -1, np.int16)


def _stacked(
    parts: Sequence[Histories], name: str, default: Callable[[Histories], AnyArray]
) -> AnyArray | None:
    """An optional column of all parts; None where none of them has it."""
    columns = [getattr(part, name) for part in parts]
    if all(column is None for column in columns):
        return None
    filled = [
        default(part) if column is None else column for part, column in zip(parts, columns, strict=True)
    ]
    return np.concatenate(filled)
