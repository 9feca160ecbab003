"""Windows: of time, in whole tiles, so that two readers can agree exactly; or of a user's newest events."""

from __future__ import annotations

import re
from typing import NamedTuple

from shortlist.base.durations import microseconds

TILES = 24  # of a window of time; it covers between 24 and 25 of them


class Window(NamedTuple):
    """A window as numbers: of time, of events, or neither for everything."""

    length: int | None = None  # microseconds
    events: int | None = None

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``"7d"``, ``"10e"`` or ``"all"``. Raises DeclarationError."""
        match = re.fullmatch(r"([1-9]\d*)e", text)
        return cls(events=int(match[1])) if match else cls(length=microseconds(text))

    @property
    def tile(self) -> int:
        """Microseconds of a tile; 0 where time does not bound the window."""
        return self.length // TILES if self.length else 0


EVERYTHING = Window()
