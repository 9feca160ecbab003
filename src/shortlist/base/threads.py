"""How many threads the numeric libraries use, set on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Let BLAS and OpenMP use at most ``threads`` inside the block; None: as many as they are set to."""
    if threads is None:
        yield
    else:
        with threadpool_limits(limits=threads):
            yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread inside the block: right for many small problems and for serving."""
    with threadpool_limits(limits=1):
        yield


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside the block; libraries with threads of their own (PyTorch, CatBoost) keep theirs."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
