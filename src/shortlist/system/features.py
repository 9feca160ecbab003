"""Features: what is known about a person, an item, and how the two fit, as declarations.

A definition says *what*; ``shortlist.features`` reads it at a past moment for training and now for serving,
and the two readings agree. The rule for both: a feature at moment t uses the events with ``at < t`` that were
available by t.

``by`` names the owner: ``"user"``, ``"item"``, ``("user", ATTRIBUTE)`` for what a person did with things of
the candidate's genre, brand or price band, or ``("item", "hour")`` and ``("item", "weekday")`` (UTC).
``window`` is a duration (``"7d"``), ``"all"``, or, for what users own, ``"10e"``: their newest ten events.
A duration is read in whole tiles of a 24th of it, so it covers between 24 and 25 tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from shortlist.base.durations import microseconds
from shortlist.base.errors import DeclarationError
from shortlist.system.event import Event

Owner = str | tuple[str, str]
CONTEXTS = {"hour": 24, "weekday": 7}
TILES = 24


class Definition:
    """Whatever can stand among a System's features."""


@dataclass(frozen=True)
class Automatic(Definition):
    """The set that follows from the schema.

    For each event: counts, recency and mean value of items and people; for each attribute with words: its
    share and mean value in what a person did, ever and lately; numbers, ages and their distance to what the
    person did before. Name it beside definitions of your own to extend it: ``features=[Automatic(), ...]``.
    """


@dataclass(frozen=True)
class Window:
    """A window as numbers: of time, of events, or neither for everything."""

    length: int | None = None  # microseconds
    events: int | None = None

    @classmethod
    def of(cls, text: str) -> Window:
        """Read ``"7d"``, ``"10e"`` or ``"all"``. Raises DeclarationError."""
        match = re.fullmatch(r"([1-9]\d*)e", text)
        return cls(events=int(match[1])) if match else cls(length=microseconds(text))

    @property
    def tile(self) -> int:
        """Microseconds of a tile; 0 where time does not bound the window."""
        return self.length // TILES if self.length else 0


@dataclass(frozen=True, eq=False)
class Feature(Definition):
    """A number about a candidate, made from the events of its owner."""

    event: Event
    by: Owner = field(default="user", kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", "_".join(self._words()))
        problems = list(self._problems())
        if problems:
            raise DeclarationError(problems)

    @property
    def owner(self) -> str:
        """``"user"`` or ``"item"``."""
        return self.by if isinstance(self.by, str) else self.by[0]

    @property
    def per(self) -> str | None:
        """The attribute or context that divides the owner's events; None: all of them together."""
        return None if isinstance(self.by, str) else self.by[1]

    def _words(self) -> Iterator[str]:
        yield self.owner
        if self.per:
            yield self.per
        yield self.event.name
        yield type(self).__name__.lower()

    def _problems(self) -> Iterator[str]:
        if self.owner not in {"user", "item"}:
            yield f"feature {self.name!r}: by starts with 'user' or 'item', not {self.owner!r}"
        if self.owner == "item" and self.per and self.per not in CONTEXTS:
            yield f"feature {self.name!r}: an item's events are divided by {' or '.join(CONTEXTS)}, not {self.per!r}"


@dataclass(frozen=True, eq=False)
class Windowed(Feature):
    """A feature over a window."""

    window: str = field(default="all", kw_only=True)

    @property
    def over(self) -> Window:
        """The window as numbers."""
        return Window.of(self.window)

    def _words(self) -> Iterator[str]:
        yield from super()._words()
        if self.window != "all":
            yield self.window

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.over.events and self.owner == "item":
            yield f"feature {self.name!r}: a window of events needs a person's history; items have windows of time"


@dataclass(frozen=True, eq=False)
class Count(Windowed):
    """How many events."""


@dataclass(frozen=True, eq=False)
class Sum(Windowed):
    """The sum of their values."""


@dataclass(frozen=True, eq=False)
class Mean(Windowed):
    """The mean of their values, drawn to what is usual by ``smoothing`` events' worth.

    Usual is the mean of the whole log; for ``("user", ATTRIBUTE)``, of the person.
    """

    smoothing: float = field(default=5.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class Rate(Windowed):
    """Events for each event ``over_event``: ``Rate(orders, views)``; drawn to the usual rate by ``smoothing``."""

    over_event: Event = field(kw_only=True)
    smoothing: float = field(default=10.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class Share(Windowed):
    """The part of a person's events that went to things with the candidate's attribute."""

    by: Owner = field(kw_only=True)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.owner != "user" or not self.per:
            yield f"feature {self.name!r}: a share is by=('user', ATTRIBUTE)"


@dataclass(frozen=True, eq=False)
class Distinct(Windowed):
    """How many different items (by="user"), in a person's window."""

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.by != "user":
            yield f"feature {self.name!r}: different things are counted by='user'"


@dataclass(frozen=True, eq=False)
class Last(Feature):
    """The value of the newest event."""


@dataclass(frozen=True, eq=False)
class Since(Feature):
    """Days since the newest event."""


@dataclass(frozen=True, eq=False)
class Decayed(Feature):
    """Events counted with a weight that halves every ``half_life``."""

    half_life: str = field(default="7d", kw_only=True)

    def _words(self) -> Iterator[str]:
        yield from super()._words()
        yield self.half_life
