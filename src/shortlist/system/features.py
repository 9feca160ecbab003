"""Features as a System declares them. ``shortlist.features`` has the kinds and computes them.

A definition says *what*; it is read at a past moment for training and now for serving, and the two readings
agree. The rule for both: a feature at moment t uses the events with ``at < t`` that were available by t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

from shortlist.base.suggest import did_you_mean
from shortlist.system.entity import Entity
from shortlist.system.event import CLOCK, Event, Label, Match, Objective


class Declared(Protocol):
    """What a definition may be checked against: the parts of a System that features read."""

    @property
    def user(self) -> Entity | None:
        """The users, if there are any."""

    @property
    def item(self) -> Entity:
        """The items."""

    @property
    def events(self) -> Sequence[Event]:
        """Every declared event."""

    @property
    def objectives(self) -> Sequence[Objective | Match | Label]:
        """Every declared objective."""

    @property
    def contexts(self) -> tuple[str, ...]:
        """The names of all declared contexts."""


class Definition:
    """A feature as it is declared: what stands among a System's features.

    The concrete kinds are subclasses of ``shortlist.features.kind.FeatureKind``.
    """

    from_log: ClassVar[bool] = True  # whether the event log and the entities' tables decide its values

    @property
    def name(self) -> str:
        """Its column, or what the names of its columns begin with."""
        raise NotImplementedError

    @property
    def column_names(self) -> Sequence[str]:
        """Names that no other definition may have."""
        return (self.name,)

    def problems(self, system: Declared) -> Iterator[str]:  # noqa: ARG002
        """What in the declared ``system`` contradicts the definition."""
        return iter(())

    def external_problems(self) -> Iterator[str]:
        """What outside the System and its data contradicts it, such as a store that does not know a name.

        Raises MissingExtraError where an optional library is missing.
        """
        return iter(())

    def resolved(self, root: Path) -> Self:  # noqa: ARG002
        """The same with relative paths resolved from the folder ``root`` of the System file."""
        return self


@dataclass(frozen=True)
class Automatic(Definition):
    """The set that follows from the schema.

    Attributes of items and users as they are, and the context of the request. For each event: counts, recency and
    mean value of items and users; for each attribute with words its share and mean value in a user's history, for
    each number the distance to it, for each vector the similarity to it, over the whole history and the newest ten
    events. Name it beside definitions of your own to extend it: ``features=[Automatic(), ...]``; one of your own
    takes the place of the automatic one of the same name.
    """

    @property
    def column_names(self) -> Sequence[str]:
        """None of its own: what is declared beside it wins."""
        return ()


def attribute_problems(what: str, entity: Entity | None, plural: str, name: str) -> Iterator[str]:
    """Whether ``entity`` has the attribute ``name``, where the declaration lists its attributes."""
    if entity is not None and entity.table is not None and name not in entity.attributes:
        yield f"{what}: {plural} have no attribute {name!r}; {did_you_mean(name, entity.attributes)}"


def context_problems(what: str, system: Declared, name: str) -> Iterator[str]:
    """Whether an event, or the clock, has the context ``name``."""
    known = [*CLOCK, *system.contexts]
    if name not in known:
        yield f"{what}: no event declares the context {name!r}; {did_you_mean(name, known)}"
