"""Compaction: accepted events move from the store to the log, each readable exactly once at any instant.

Events are copied to parts of the log that are not visible yet; one small file, replaced atomically, then makes
all of them visible. From there on readers take those events from the log, whether the store still has them or
not. A crash before that instant leaves invisible parts, one after it events in the store that are no longer read;
the next run removes both.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from shortlist.data.forget import finish_forgetting
from shortlist.data.log.log import Writer, only_writer, remove_unmarked, scan
from shortlist.storage.home import Home
from shortlist.storage.store import EventStore


def whole_log(home: Home, store: EventStore) -> tuple[pl.LazyFrame, int]:
    """Everything ingested and accepted (columns EVENTS and AVAILABLE_AT), and the sequence that it goes up to.

    Exact while others accept and compact.
    """
    while True:
        mark = home.compacted()
        upto = max(mark, store.sequence())
        frames = [frame.lazy() for frame in store.scan(mark, upto)]
        if home.compacted() == mark:
            return pl.concat([scan(home, upto=mark), *frames]), upto


def compact(home: Home, store: EventStore, keep_above: Callable[[], int]) -> int:
    """Copy what is new in ``store`` to the log, then trim the store.

    Events above ``keep_above()``, the lowest watermark of the releases that may serve, stay in the store.
    Returns how many events were copied. Waits while another command writes the log.
    """
    with only_writer(home) as staging:
        finish_forgetting(home, store)
        remove_unmarked(home)
        mark, upto, count = home.compacted(), store.sequence(), 0
        if upto > mark:
            with Writer(home, staging, upto) as writer:
                for frame in store.scan(mark, upto):
                    writer.write(frame)
                    count += len(frame)
                writer.commit()
            home.mark_compacted(upto)
        store.trim(min(max(mark, upto), keep_above()))
    return count
