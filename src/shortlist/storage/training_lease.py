"""Training leases: what a training run reads is dropped neither from the store nor from the log meanwhile.

Each run has a locked file ``leases/PROCESS-NUMBER`` in the home. A lock ends with its process, so the lease of a
process that died counts no more.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shortlist.base.platform import fcntl
from shortlist.storage.home import Home


@contextmanager
def training_lease(home: Home, watermark: int) -> Iterator[None]:
    """While inside, everything above ``watermark`` stays in the store, and the log is not shortened."""
    home.leases.mkdir(exist_ok=True)
    handle, new = tempfile.mkstemp(dir=home.leases, prefix=f"{os.getpid()}-", suffix=".new")
    path = Path(new).with_suffix(".lease")
    with os.fdopen(handle, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(watermark))
        file.flush()
        os.rename(new, path)  # it appears locked and whole
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def lowest_lease(home: Home) -> int | None:
    """The lowest watermark of all leases; None where there is none. Removes those of dead processes."""
    watermarks = [_watermark(path) for path in home.leases.glob("*.lease")]
    return min((each for each in watermarks if each is not None), default=None)


def _watermark(path: Path) -> int | None:
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
            path.unlink(missing_ok=True)
    except FileNotFoundError:  # it has just ended
        pass
    return None
