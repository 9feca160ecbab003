"""Runs: consecutive events of one user, stored as one record with the sequence and stamp of the last.

Sequences and stamps of the events before it are lower by one each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec
import polars as pl

from shortlist.base.contexts import to_text
from shortlist.storage.frames import EVENT_FRAME
from shortlist.storage.store import AcceptedEvent


class Run(NamedTuple):
    """Consecutive events of one user."""

    sequence: int  # of the last
    available: int  # of the last
    events: bytes  # msgpack array


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[AcceptedEvent]).decode


def events_after(after: int, sequence: int, events: bytes) -> list[AcceptedEvent]:
    """Those of the run that ends with ``sequence`` whose own sequence is above ``after``."""
    decoded = decode(events)
    first = after - sequence + len(decoded)
    return decoded[first:] if first > 0 else decoded


def by_user(events: Iterable[AcceptedEvent]) -> Iterator[tuple[str, list[AcceptedEvent]]]:
    """User and events of each run, in the order of the events."""
    return ((user, list(run)) for user, run in groupby(events, attrgetter("user")))


def frame(runs: Iterable[Run], after: int, upto: int) -> pl.DataFrame:
    """The events with ``after`` < sequence <= ``upto``: columns EVENTS and AVAILABLE_AT."""
    rows = []
    for sequence, available, events in runs:
        run = decode(events)
        for place, event in enumerate(run, 1 - len(run)):
            if after < sequence + place <= upto:
                rows.append((*event[:-1], to_text(event.context), available + place))
    return pl.DataFrame(rows, schema=EVENT_FRAME, orient="row")
