"""Ids and users as 64-bit numbers: what a store remembers when the text itself is no longer there."""

from __future__ import annotations

from hashlib import blake2b


def number(text: str) -> int:
    """A signed 64-bit number of ``text``, the same for ever and everywhere.

    Two of 100 million texts share one with a chance of 1 in 4,000. Raises UnicodeEncodeError (a ValueError)
    where ``text`` has half a surrogate pair.
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)
