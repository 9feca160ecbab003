"""Entities and the kinds of their attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shortlist.base.columns import ITEM, USER
from shortlist.base.errors import DeclarationError
from shortlist.system.table import TableSource


@dataclass(frozen=True)
class Attribute:
    """A typed column of an entity's table."""

    column: str


@dataclass(frozen=True)
class Number(Attribute):
    """A number."""


@dataclass(frozen=True)
class Category(Attribute):
    """One of a limited set of words: a brand, a country, an author."""


@dataclass(frozen=True)
class Text(Attribute):
    """Text to read: a title, a description."""


@dataclass(frozen=True)
class Tags(Attribute):
    """Several words in one cell, split at ``separator`` (a list column needs none)."""

    separator: str = "|"


@dataclass(frozen=True)
class Year(Attribute):
    """A year: a number, a date, or the ``(1995)`` that ends a title."""


@dataclass(frozen=True)
class Time(Attribute):
    """A moment: a date or time, or seconds since the epoch."""


@dataclass(frozen=True)
class Vector(Attribute):
    """Numbers that say together what an item is like, such as an embedding: a list column, as long in every row."""


@dataclass(frozen=True)
class Image(Attribute):
    """Pictures: paths from the table's folder, addresses, or a list of them; or the bytes of pictures themselves."""

    separator: str = "|"


USER_KINDS = (Number, Category, Text, Tags, Year, Time)  # what attributes of users may be


@dataclass(frozen=True, init=False)
class Entity:
    """A user or an item: the name of its key column, its table if there is one, and its attributes.

    ``Entity("movie_id", Table("movies.csv"), title="title", genres=Tags("genres"))``: an attribute is a
    kind (`Number`, `Category`, `Text`, `Tags`, `Year`, `Time`, `Vector`, `Image`) or just a column's name, whose
    kind then follows the column's type. The attribute ``title`` is what pages and terminals show. Users cannot
    have vectors and images.
    """

    key: str
    table: TableSource | None
    attributes: Mapping[str, Attribute | str] = field(default_factory=dict)

    def __init__(self, key: str, table: TableSource | None = None, /, **attributes: Attribute | str) -> None:
        problems = [
            f"entity {key!r}: the attribute name {name!r} is taken by the engine; call it otherwise"
            for name in attributes
            if name in {ITEM, USER}
        ]
        if attributes and table is None:
            problems.append(
                f"entity {key!r} names attributes ({', '.join(attributes)}) but no table to read them from"
            )
        if problems:
            raise DeclarationError(problems)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "attributes", MappingProxyType(dict(attributes)))


def user_problems(user: Entity) -> Iterator[str]:
    """What is declared of users that only items can have."""
    for name, attribute in user.attributes.items():
        if isinstance(attribute, Attribute) and not isinstance(attribute, USER_KINDS):
            kinds = ", ".join(kind.__name__ for kind in USER_KINDS)
            yield f"user: the attribute {name!r} is a {type(attribute).__name__}, and users can have {kinds}"
