"""Work that threads do ahead of whoever needs it, in order and never too far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(function: Callable[[T], R], items: Iterable[T], *, threads: int, most: int) -> Iterator[R]:
    """``function`` of each item, in order; at most ``most`` results wait at any time, however many items come."""
    source = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: deque[Future[R]] = deque(pool.submit(function, item) for item in islice(source, most))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(source, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
