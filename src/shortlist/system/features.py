"""Features: what is known about a person, an item, and how the two fit, as declarations.

A definition says *what*; ``shortlist.features`` reads it at a past moment for training and now for serving,
and the two readings agree. The rule for both: a feature at moment t uses the events with ``at < t`` that were
available by t.

``by`` names the owner: ``"user"``, ``"item"``, ``("user", ATTRIBUTE)`` for what a person did with things of
the candidate's genre or brand, ``("user", Band(NUMBER))`` of its price band, ``("user", "item")`` with the
candidate itself, or ``("item", CONTEXT)`` for what was done with an item in the asker's context: one that events
declare, or ``"hour"`` and ``"weekday"`` (UTC).
``window`` is a duration (``"7d"``), ``"all"``, or, for what users own, ``"10e"``: their newest ten events.
A duration is read in whole tiles of a 24th of it, so it covers between 24 and 25 tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from shortlist.base.durations import microseconds
from shortlist.base.errors import DeclarationError
from shortlist.system.event import Event

TILES = 24


@dataclass(frozen=True)
class Band:
    """A number in ``bands`` bands that as many items each are in: ``by=("user", Band("price"))``."""

    attribute: str
    bands: int = 5

    def __post_init__(self) -> None:
        if self.bands < 2:
            raise DeclarationError(
                f"a band of {self.attribute!r}: it takes at least 2 bands, not {self.bands}"
            )

    def __str__(self) -> str:
        return f"{self.attribute}_band"


Part = str | Band  # an attribute or a context that divides an owner's events
Owner = str | tuple[str, Part]


class Definition:
    """Whatever can stand among a System's features."""


@dataclass(frozen=True)
class Automatic(Definition):
    """The set that follows from the schema.

    Attributes as they are, and the context of the request. For each event: counts, recency and mean value of
    items and people; for each attribute with words its share and mean value in what a person did, for each
    number the distance to it, for each vector the similarity to it, ever and lately. Name it beside definitions
    of your own to extend it: ``features=[Automatic(), ...]``.
    """


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
    def per(self) -> Part | None:
        """The attribute or context that divides the owner's events; None: all of them together."""
        return None if isinstance(self.by, str) else self.by[1]

    @property
    def context(self) -> str | None:
        """The context that divides an item's events, if one does."""
        return self.per if self.owner == "item" and isinstance(self.per, str) else None

    def _words(self) -> Iterator[str]:
        yield self.owner
        if self.per:
            yield str(self.per)
        yield self.event.name
        yield type(self).__name__.lower()

    def _problems(self) -> Iterator[str]:
        if self.owner not in {"user", "item"}:
            yield f"feature {self.name!r}: by starts with 'user' or 'item', not {self.owner!r}"
        if self.owner == "item" and isinstance(self.per, Band):
            yield f"feature {self.name!r}: an item's events are divided by a context, not by a band"


@dataclass(frozen=True, eq=False)
class Windowed(Feature):
    """A feature over a window."""

    window: str = field(default="all", kw_only=True)

    @cached_property
    def over(self) -> Window:
        """The window as numbers."""
        return Window.parse(self.window)

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
    """The mean of their values, shrunk towards what is prior by ``smoothing`` events' worth.

    Usual is the mean of the whole log; for ``("user", ATTRIBUTE)``, of the person.
    """

    smoothing: float = field(default=5.0, kw_only=True)


@dataclass(frozen=True, eq=False)
class Rate(Windowed):
    """Events for each event ``over_event``: ``Rate(orders, views)``; shrunk towards the prior rate by ``smoothing``."""

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
    """How many different ones: of a user's events the items, of an item's events the users."""


@dataclass(frozen=True, eq=False)
class Among(Windowed):
    """Whether the candidate's word is among those of a person's window: 0 or 1.

    A candidate with several words has the part of them that are.
    """

    by: Owner = field(kw_only=True)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.owner != "user" or not self.per:
            yield f"feature {self.name!r}: what is among a person's window is by=('user', ATTRIBUTE)"


@dataclass(frozen=True, eq=False)
class Popularity(Windowed):
    """How popular the things are that a person does: the mean of log(1 + events) when the model learned."""

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.by != "user":
            yield f"feature {self.name!r}: popularity of what somebody did is by='user'"


@dataclass(frozen=True, eq=False)
class Distance(Windowed):
    """How far the candidate's number is from the mean of the person's window, signed: by=("user", NUMBER)."""

    by: Owner = field(kw_only=True)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.owner != "user" or not isinstance(self.per, str):
            yield f"feature {self.name!r}: a distance is by=('user', NUMBER)"


@dataclass(frozen=True, eq=False)
class Similarity(Windowed):
    """The cosine of the candidate's vector and the mean vector of the person's window: by=("user", VECTOR)."""

    by: Owner = field(kw_only=True)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.owner != "user" or not isinstance(self.per, str):
            yield f"feature {self.name!r}: a similarity is by=('user', VECTOR)"


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
