"""Duplicates: rows are compared by 64-bit hashes, 8 bytes each in memory.

At 100 million rows, any two different rows collide with a probability of 1 in 4,000.
"""

from __future__ import annotations

import zlib
from functools import reduce

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shortlist.base.columns import AT, CONTEXT, DAY, EVENT, EVENT_ID, ITEM, USER, VALUE
from shortlist.base.types import Mask
from shortlist.data.log.log import parts, scan
from shortlist.storage.home import Home
from shortlist.system.event import Event

Hashes = NDArray[np.uint64]
MAX_OVERLAPPING = 2  # more batches than this that overlap in time are merged


def row_hash(event: Event) -> pl.Expr:
    """The hash of an event row: of its id where the table has ids, else of all its columns.

    Another version of Polars may compute it differently, so it is never compared with a stored one: the hashes
    of rows of the log are computed again from their columns.
    """
    seed = zlib.crc32(event.name.encode())
    row = (
        [pl.col(EVENT_ID)]
        if event.id
        else [pl.col(USER), pl.col(ITEM), pl.col(AT), pl.col(VALUE).cast(pl.Float32)]
    ) + ([pl.col(CONTEXT)] if event.context and not event.id else [])
    return reduce(pl.Expr.add, (cell.hash(seed + place) for place, cell in enumerate(row)))


def time_span(event: Event, rows: pl.DataFrame) -> tuple[int, int]:
    """The first and last moment outside which no row can be a duplicate of one of ``rows``."""
    if event.id or rows.is_empty():
        return 0, 0
    return rows.select(pl.col(AT).min(), pl.col(AT).max().alias("end")).row(0)


def is_in_sorted(hashes: Hashes, ordered: Hashes) -> Mask:
    """Which of ``hashes`` are in ``ordered``, which is sorted."""
    contained = np.zeros(len(hashes), np.bool_)
    if len(ordered):
        order = np.argsort(hashes)  # neighbours are then searched near each other: ten times as fast
        places = np.minimum(np.searchsorted(ordered, hashes[order]), len(ordered) - 1)
        contained[order] = ordered[places] == hashes[order]
    return contained


class KnownRows:
    """The hashes of the rows of one input, batch by batch.

    A batch is compared only with earlier ones that overlap it in time: in a file in the order of time that is the
    one before. Hashes are kept sorted, since sorting is the fastest way to find equal ones (10 million take 0.1 s,
    a hash table 0.6 s).
    """

    def __init__(self) -> None:
        self._batches: list[tuple[int, int, Hashes]] = []  # start, end, sorted hashes

    def add(self, hashes: Hashes, start: int, end: int) -> Mask:
        """Remember ``hashes``, of rows between ``start`` and ``end``; which of them are new."""
        overlapping = [batch for batch in self._batches if batch[0] <= end and start <= batch[1]]
        merged = np.sort(np.concatenate([*(known for _, _, known in overlapping), hashes]))
        once = np.append(merged[1:] != merged[:-1], True)
        new = np.ones(len(hashes), np.bool_)
        if not once.all():
            new = pl.Series(hashes).is_first_distinct().to_numpy(writable=True)
            for _, _, known in overlapping:
                new &= ~is_in_sorted(hashes, known)
        if len(overlapping) <= MAX_OVERLAPPING:
            self._batches.append((start, end, np.sort(hashes[new])))
        else:
            apart = [batch for batch in self._batches if not (batch[0] <= end and start <= batch[1])]
            span = (
                min(start, *(batch[0] for batch in overlapping)),
                max(end, *(batch[1] for batch in overlapping)),
            )
            self._batches = [*apart, (*span, merged[once])]
        return new


class LoggedRows:
    """The rows of one event that are in the log already; reads only the days that are needed."""

    def __init__(self, home: Home, event: Event) -> None:
        self._home = home
        self._empty = not parts(home)
        self._event = event
        self._known: Hashes = np.zeros(0, np.uint64)  # sorted
        self._read: set[int] = set()

    def contains(self, hashes: Hashes, at: pl.Series) -> Mask:
        """Which of ``hashes``, of events at the moments ``at``, are in the log."""
        if self._empty:
            return np.zeros(len(hashes), np.bool_)
        days = (at // DAY).unique()
        if not self._event.id:
            unread = set(days) - self._read
            self._read |= unread
            self._add(scan(self._home, unread))
        elif not self._read:  # an id may have come on any day
            self._read = set(days)
            self._add(scan(self._home))
        return is_in_sorted(hashes, self._known)

    def _add(self, rows: pl.LazyFrame) -> None:
        mine = rows.filter(pl.col(EVENT) == self._event.name).select(row_hash(self._event))
        hashes = mine.collect(engine="streaming").to_series().to_numpy()
        self._known = np.sort(np.concatenate([self._known, hashes]))
