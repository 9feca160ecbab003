"""Replay a log through both readers and compare: does training see what serving sees?

*As of* reads the whole log, at moments of the past. *Now* is what a server has at such a moment: live readers
of items that take in events as they become available, and of each user the history of an earlier release,
continued by what was accepted since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Mask, Moments, Positions, Rows
from shortlist.features.features import Features

TOLERANCE = 1e-6  # of the larger of the two values, and at least of 1
ITEM_BLOCK = 100_000  # candidates that are compared together
NEWEST_EVENTS, MAX_USERS, MAX_ITEMS = 200, 50, 50  # of the newest events at a moment, so many users and items


@dataclass(frozen=True)
class Difference:
    """The first value on which the readers disagree."""

    feature: str
    user: str | None  # None: a user without history
    item: str
    at: int  # microseconds
    as_of: float
    now: float

    def __str__(self) -> str:
        when = np.datetime64(self.at, "us")
        subject = f"item {self.item!r}" if self.user is None else f"user {self.user!r} and item {self.item!r}"
        return f"{self.feature} of {subject} at {when}: as of then {self.as_of:g}, now {self.now:g}"


@dataclass(frozen=True)
class Parity:
    """How much was compared, and the first difference."""

    values: int
    moments: int
    difference: Difference | None


def compare(features: Features, histories: Histories, moments: int = 24) -> Parity:
    """Compare every feature at moments spread over the log, until one differs.

    At each moment a user without history queries every item, and the users of the newest events query their items.
    """
    facts = features.facts
    live = facts.live_items(len(features.items))
    past, now = features.as_of(histories), Features(facts, features.items, features.users, live)
    log = _with_empty_row(histories)
    compared, learned = 0, np.zeros(len(log.at), bool)
    chosen = _spread(np.maximum(log.at, log.clock), moments)
    for t in chosen.tolist():
        available = log.clock <= t
        live.add_histories(log.where(available & ~learned))
        for rows, items in _pairs(log, available & (log.at < t), len(features.items)):
            at, history, context = np.full(len(rows), t), log.take(rows), _context(log, available, rows)
            as_of_then = Queries(history.before(at), at, context)
            served = Queries(_served(log, rows, available & (log.at < t), learned), at, context)
            candidates = _each_with_each(len(rows), items, len(facts.sources))
            before, after = past(as_of_then, candidates).numeric, now(served, candidates).numeric
            compared += before.size
            same = np.isclose(before, after, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
            for place, column in np.argwhere(~same)[:1]:
                difference = Difference(
                    feature=past.names[column],
                    user=_name(histories, int(rows[candidates.rows[place]])),
                    item=features.items.keys[candidates.items[place]],
                    at=t,
                    as_of=float(before[place, column]),
                    now=float(after[place, column]),
                )
                return Parity(compared, len(chosen), difference)
        learned = available
    return Parity(compared, len(chosen), None)


def _name(histories: Histories, row: int) -> str | None:
    if row == len(histories):
        return None
    return f"row {row}" if histories.users is None else str(histories.users[row])


def _with_empty_row(histories: Histories) -> Histories:
    """The same and one row more, of a user without events."""
    offsets = np.append(histories.offsets, histories.offsets[-1])
    users = None if histories.users is None else np.append(histories.users, "")
    return replace(histories, offsets=offsets, users=users)


def _spread(clock: Moments, moments: int) -> Moments:
    """Moments just after some of the log's, spread evenly over its events."""
    if not len(clock):
        return clock
    spread = np.unique(np.quantile(clock, np.linspace(0, 1, moments), method="nearest"))
    return spread.astype(np.int64) + 1


def _pairs(log: Histories, done: Mask, items: int) -> Iterator[tuple[Rows, Positions]]:
    """Rows, and the items that each of them queries: the empty row all of them, and the users of the newest events."""
    empty = np.array([len(log) - 1])
    for first in range(0, items, ITEM_BLOCK):
        yield empty, np.arange(first, min(first + ITEM_BLOCK, items), dtype=np.int32)
    newest = np.flatnonzero(done)
    newest = newest[np.argsort(log.at[newest], kind="stable")[-NEWEST_EVENTS:]]
    if len(newest):
        users, newest_items = np.unique(log.rows[newest]), np.unique(log.items[newest])
        yield users[:MAX_USERS], newest_items[:MAX_ITEMS]


def _served(log: Histories, rows: Rows, done: Mask, learned: Mask) -> Histories:
    """The histories of ``rows`` as a server has them: the release's, then events in order of arrival."""
    mine = replace(log, available_at=np.where(learned, -1, log.clock)).where(done).take(rows)
    assert mine.available_at is not None
    return mine.ordered(np.lexsort((mine.available_at, mine.at, mine.rows)))


def _context(log: Histories, available: Mask, rows: Rows) -> AnyArray | None:
    """The context of each row's newest event, as if its request had the same."""
    return log.where(available).take(rows).last(1).first_context()


def _each_with_each(rows: int, items: Positions, sources: int) -> Candidates:
    scores = np.zeros((rows * len(items), sources), np.float32)
    return Candidates(np.repeat(np.arange(rows), len(items)), np.tile(items, rows), scores, scores > 0)
