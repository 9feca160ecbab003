"""Events, and the objectives that are made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from shortlist.base.errors import DeclarationError
from shortlist.system.table import TableSource

CLOCK = {"hour": 24, "weekday": 7}  # contexts that every moment has (UTC), and how many words they have


@dataclass(frozen=True, eq=False)
class Event:
    """Something a user did to an item at a time.

    ``user``, ``item``, ``at``, ``value`` and ``id`` name columns of ``table``. Without ``at`` the order of
    rows is the order of time. ``value`` is a number (a rating, a price, seconds watched). With ``id`` a
    row that comes twice counts once by its id; without, by all its columns.
    ``context`` names further categories of an event, and the column of each:
    ``context={"device": "device_type"}``. Requests may have the same ones.
    ``available_at`` names the column of when an event became available, where that was later than
    when it happened: training uses it from then on.
    An event without ``table`` only arrives through the server.
    """

    name: str
    table: TableSource | None = None
    user: str = "user"
    item: str = "item"
    at: str | None = None
    value: str | None = None
    value_range: tuple[float, float] | None = None  # rows outside are quarantined
    id: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    available_at: str | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DeclarationError(problems)

    def _problems(self) -> Iterator[str]:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            yield f"event name {self.name!r}: use small letters, digits, - and _ (it names features and files)"
        for name in self.context:
            if name in CLOCK:
                yield f"event {self.name!r}: the context {name!r} is known from the time; call it otherwise"
        if self.available_at and not self.at:
            yield f"event {self.name!r} has available_at and no at: name the column of when it happened, too"


@dataclass(frozen=True, eq=False)
class Objective:
    """A label made from an event: every such event, or those for which ``when`` holds.

    ``when`` sees the columns ``value`` and ``at``: ``Objective("liked", ratings, pl.col("value") >= 4)``.
    ``weight`` is its part in the value model.
    """

    name: str
    event: Event
    when: pl.Expr | None = None
    weight: float = 1.0

    @property
    def reads_value(self) -> bool:
        """Whether ``when`` looks at the event's value."""
        return self.when is not None and "value" in self.when.meta.root_names()

    def __post_init__(self) -> None:
        unknown = set(self.when.meta.root_names()) - {"value", "at"} if self.when is not None else set()
        if unknown:
            raise DeclarationError(
                f"objective {self.name!r} reads {', '.join(sorted(map(repr, unknown)))}: it can read 'value' and 'at'"
            )


@dataclass(frozen=True)
class Match:
    """A label made from the catalogue, for systems that are searched with items and pictures.

    Relevant is what has the same ``by`` (a category or tags, such as the product) as the item of the query:
    ``Match("same product", by="product")``. ``weight`` is its part in the value model.
    """

    name: str
    by: str
    weight: float = 1.0


@dataclass(frozen=True)
class Label:
    """A label made from the catalogue's own columns, for systems without sources that judge items: moderation, quality.

    ``when`` sees the item's attributes: ``Label("hateful", pl.col("verdict") == "hate")``. What it reads is the
    answer, so no feature is made of it. ``weight`` is its part in the value model.
    """

    name: str
    when: pl.Expr
    weight: float = 1.0

    @property
    def reads(self) -> frozenset[str]:
        """The attributes that decide it."""
        return frozenset(self.when.meta.root_names())
