"""Errors of the disk as StoreErrors with advice."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from shortlist.base.errors import StoreError

_FULL = "the disk is full: make room; nothing that was acknowledged is lost"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,  # a limit of the process
    errno.EACCES: "it may not be written: check the permissions of the folder",
    errno.EPERM: "it may not be written: check the permissions of the folder",
    errno.EROFS: "its file system is read-only: nothing that was acknowledged is lost",
    errno.EIO: "the disk did not read or write: check it",
}


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn what the disk refuses while ``what`` is written into a StoreError; other errors stay as they are."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        # in its text, since Polars passes the system's errors on as text only
        advice = next((text for code, text in _ADVICE.items() if os.strerror(code) in str(error)), None)
        if advice is None:
            raise
        raise StoreError(f"{what} cannot be written: {advice} ({error})") from error
