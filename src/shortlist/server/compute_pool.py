"""Threads of a process: one that computes answers, a few that may wait for the store or a disk.

Nothing that computes or may wait runs on the event loop, so ``/health`` answers whatever the others do.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

from shortlist.base.errors import UnavailableError

P = ParamSpec("P")
R = TypeVar("R")

PICTURE_THREADS = 2  # pictures that are decoded at a time
PICTURES_WAITING = 32  # pictures that wait for a thread; beyond, requests are refused with 503


def _one_thread_here() -> None:
    threadpool_limits(limits=1)  # OpenMP keeps this setting for each thread of its own


# Computed in the event loop, everything else (posted events, health, metrics) waited for the answers: at
# 100,000 items with 8 clients an event took 95 ms, with this thread 7 ms, and slates came as fast. Two such
# threads only fought over the interpreter; two processes do not.
_COMPUTE = ThreadPoolExecutor(1, thread_name_prefix="compute", initializer=_one_thread_here)
_IO = ThreadPoolExecutor(8, thread_name_prefix="io")
_PICTURES = ThreadPoolExecutor(PICTURE_THREADS, thread_name_prefix="pictures")
_pictures_waiting = 0


def _on(pool: ThreadPoolExecutor, function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    @wraps(function)
    async def on_thread(*args: P.args, **kwargs: P.kwargs) -> R:
        return await get_running_loop().run_in_executor(pool, partial(function, *args, **kwargs))

    return on_thread


def computed(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """``function``, run by the compute thread while the event loop goes on."""
    return _on(_COMPUTE, function)


def blocking(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """``function``, which may wait for a store or a disk, run by a thread for that."""
    return _on(_IO, function)


async def with_picture(function: Callable[[], R]) -> R:
    """The result of ``function``, which decodes pictures. UnavailableError where too many wait."""
    global _pictures_waiting
    if _pictures_waiting >= PICTURE_THREADS + PICTURES_WAITING:
        raise UnavailableError("too many pictures are being decoded: try again in a second")
    _pictures_waiting += 1
    try:
        return await get_running_loop().run_in_executor(_PICTURES, function)
    finally:
        _pictures_waiting -= 1
