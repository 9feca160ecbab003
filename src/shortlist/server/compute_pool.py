"""The one thread of a process that computes answers."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def _one_thread_here() -> None:
    threadpool_limits(limits=1)  # OpenMP keeps this setting for each thread of its own


# Computed in the event loop, everything else (posted events, health, metrics) waited for the answers: at
# 100,000 items with 8 clients an event took 95 ms, with this thread 7 ms, and slates came as fast. Two such
# threads only fought over the interpreter; two processes do not.
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="answering", initializer=_one_thread_here)


def computed(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """``function``, run by the answering thread while the event loop goes on."""

    @wraps(function)
    async def on_thread(*args: P.args, **kwargs: P.kwargs) -> R:
        return await get_running_loop().run_in_executor(_THREAD, partial(function, *args, **kwargs))

    return on_thread
