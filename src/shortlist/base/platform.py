"""The supported platforms, and what they alone have: ``from shortlist.base.platform import fcntl``.

Importing this module elsewhere raises ShortlistError, so whatever needs ``fcntl`` says so at once.
"""

import sys

from shortlist.base.errors import ShortlistError

if sys.platform == "win32":
    raise ShortlistError(
        "Shortlist runs on Linux and macOS: on Windows a System can be declared, but commands need file locks that "
        "Windows lacks, so run them inside WSL or a Linux container"
    )

import fcntl

__all__ = ["fcntl"]
