"""Work that threads do before it is needed: in order, with a bounded number of results in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetched(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, max_pending: int
) -> Iterator[R]:
    """``function`` of each item, in order; at most ``max_pending`` results wait, however many items there are."""
    source = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        pending: deque[Future[R]] = deque(pool.submit(function, item) for item in islice(source, max_pending))
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(source, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
