"""Durations as text: ``"30d"``, ``"12h"``, ``"15m"``, ``"45s"``; ``"all"`` is no limit."""

import re

from shortlist.base.columns import DAY, HOUR, MINUTE, SECOND
from shortlist.base.errors import DeclarationError

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def microseconds(duration: str) -> int | None:
    """Microseconds of ``duration``, or None for ``"all"``. Raises DeclarationError on anything else."""
    if duration == "all":
        return None
    match = re.fullmatch(r"(\d+)([smhdw])", duration)
    if not match or not int(match[1]):
        raise DeclarationError(
            f'{duration!r} is no duration: write a number and s, m, h, d or w ("30d"), or "all"'
        )
    return int(match[1]) * _UNITS[match[2]]
