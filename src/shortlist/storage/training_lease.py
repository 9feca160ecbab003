"""What is being learned from is held: neither the store nor the log lets go of it meanwhile.

Who learns has a file ``held/PROCESS-NUMBER`` in the home, locked. A lock ends with its process, so what the dead
held counts no more.
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
def held(home: Home, watermark: int) -> Iterator[None]:
    """While inside, a release that learns the log up to ``watermark``, or further, finds all it needs."""
    home.held.mkdir(exist_ok=True)
    handle, new = tempfile.mkstemp(dir=home.held, prefix=f"{os.getpid()}-", suffix=".new")
    path = Path(new).with_suffix(".held")
    with os.fdopen(handle, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(watermark))
        file.flush()
        os.rename(new, path)  # nobody sees it before it is locked and whole
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def lowest_held(home: Home) -> int | None:
    """The lowest watermark that is held; None where none is. Removes what the dead left."""
    watermarks = [_watermark(path) for path in home.held.glob("*.held")]
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
