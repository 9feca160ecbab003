"""Features made of events: what all of them declare, and the formulas that a kind of them has.

``by`` names the owner: ``"user"``, ``"item"``, ``("user", ATTRIBUTE)`` for the user's events with items that share
the candidate's genre or brand, ``("user", Band(NUMBER))`` its price band, ``("user", "item")`` with the candidate
itself, or ``("item", CONTEXT)`` for the events of an item in the context of the request: one that events declare, or
``"hour"`` and ``"weekday"`` (UTC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from shortlist.base.columns import ITEM
from shortlist.base.errors import DeclarationError
from shortlist.base.histories import Histories
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Moments, Rows
from shortlist.features.kind import BlockInputs, FeatureKind
from shortlist.features.partition import Band, Part, learn_partition
from shortlist.features.readers.reader import ItemStatistics, Reader
from shortlist.features.schema import attributes_of
from shortlist.system.contracts import TrainingData
from shortlist.system.event import Event
from shortlist.system.features import Declared, attribute_problems, context_problems

Owner = str | tuple[str, Part]
Readers = Callable[[Event], Reader]  # the reader of each kind of event


@dataclass(frozen=True, eq=False)
class EventDefinition(FeatureKind):
    """A number about a candidate, made from the events of its owner."""

    event: Event
    by: Owner = field(default="user", kw_only=True)
    name: str = field(default="", kw_only=True)

    moves: ClassVar[bool] = (
        False  # whether the passing of time alone changes a value, not only in whole tiles
    )
    attribute_kind: ClassVar[str] = "words"  # what ("user", ATTRIBUTE) may name

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", "_".join(self.name_parts()))
        problems = list(self.declaration_problems())
        if problems:
            raise DeclarationError(problems)

    # What each kind defines

    def value(self, read: Readers, keys: AnyArray, t: Moments, prior: AnyArray | float) -> AnyArray:
        """The feature of each key at each moment, float64; ``prior`` is what means and rates are shrunk towards."""
        raise NotImplementedError(f"{type(self).__name__} has no formula for by={self.by!r}")

    def word_value(
        self,
        read: Readers,
        read_user: Readers,  # noqa: ARG002
        keys: AnyArray,
        rows: Rows,  # noqa: ARG002
        t: Moments,
        prior: float,
    ) -> AnyArray:
        """The feature by ("user", ATTRIBUTE), of each (row, word) pair, float64.

        ``read`` reads the events of the pairs ``keys``, ``read_user`` all events of their ``rows``.
        """
        return self.value(read, keys, t, prior)

    def prior(self, histories: Histories, codes: Mapping[Event, int]) -> float | None:  # noqa: ARG002
        """What training learns as prior; None: nothing."""
        return None

    @property
    def events(self) -> tuple[Event, ...]:
        """The kinds of events that it reads."""
        return (self.event,)

    @property
    def statistics(self) -> ItemStatistics:
        """What the live reader must keep of an item's events for ``value``."""
        return ItemStatistics()

    def name_parts(self) -> Iterator[str]:
        """The parts of the name, where none is given."""
        yield self.owner_entity
        if self.per:
            yield str(self.per)
        yield self.event.name
        yield type(self).__name__.lower()

    def declaration_problems(self) -> Iterator[str]:
        """What is wrong with the definition by itself."""
        if self.owner_entity not in {"user", "item"}:
            yield f"feature {self.name!r}: by starts with 'user' or 'item', not {self.owner_entity!r}"
        if self.owner_entity == "item" and isinstance(self.per, Band):
            yield f"feature {self.name!r}: an item's events are divided by a context, not by a band"

    # What follows

    @property
    def owner_entity(self) -> str:
        """Whose events are read: ``"user"`` or ``"item"``."""
        return self.by if isinstance(self.by, str) else self.by[0]

    @property
    def per(self) -> Part | None:
        """The attribute or context that divides the owner's events; None: all of them together."""
        return None if isinstance(self.by, str) else self.by[1]

    @property
    def context(self) -> str | None:
        """The context that divides an item's events, if one does."""
        return self.per if self.owner_entity == "item" and isinstance(self.per, str) else None

    @property
    def owner(self) -> str:
        """The entity, and what divides its events."""
        return f"{self.owner_entity} × {self.per}" if self.per else self.owner_entity

    def problems(self, system: Declared) -> Iterator[str]:
        """Events, contexts and attributes that are not declared."""
        what = f"feature {self.name!r}"
        for event in self.events:
            if not any(event is each for each in system.events):
                yield f"{what} reads event {event.name!r}, which is not in events"
        if self.context is not None:
            yield from context_problems(what, system, self.context)
        elif self.per and self.per != ITEM:
            yield from attribute_problems(what, system.item, "items", _attribute(self.per))

    def data_problems(self, data: TrainingData) -> Iterator[str]:
        """An attribute that items do not have, or not of the kind that is read."""
        if self.owner_entity == "item" or self.per is None or self.per == ITEM:
            return
        kind = "number" if isinstance(self.per, Band) else self.attribute_kind
        what, name, table = f"feature {self.name!r}", _attribute(self.per), data.items.table
        if kind == "words" and name in attributes_of(table, "number"):
            yield f"{what}: {name!r} is a number, which divides by its bands: by=('user', Band({name!r}))"
        else:
            yield from missing_attribute(what, name, table.columns, attributes_of(table, kind))

    def learns(
        self, data: TrainingData, codes: Mapping[Event, int]
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """The prior, and what divides a user's events."""
        yield self.prior_key, lambda: self.prior(data.histories, codes)
        if self.owner_entity == "user" and self.per is not None and self.attribute_kind == "words":
            yield from learn_partition(self.per, data.items)

    @property
    def prior_key(self) -> str:
        """Where the prior is kept among what was learned."""
        return f"prior.{self.name}"

    @property
    def item_statistics(self) -> Mapping[tuple[Event, str | None], ItemStatistics]:
        """The same statistics of each of its events, if items own it."""
        if self.owner_entity != "item":
            return {}
        return {(event, self.context): self.statistics for event in self.events}


def _attribute(part: Part) -> str:
    return part.attribute if isinstance(part, Band) else part


def missing_attribute(what: str, name: str, columns: list[str], known: list[str]) -> Iterator[str]:
    """Whether the attribute ``name`` is among the ``known`` ones of the right kind."""
    if name in known:
        return
    if name in columns and name != ITEM:
        yield f"{what}: the attribute {name!r} is of another kind; {did_you_mean(name, known)}"
    else:
        yield f"{what}: no attribute {name!r}; {did_you_mean(name, known)}"


def priors(definitions: Sequence[EventDefinition], inputs: BlockInputs) -> list[float]:
    """The prior of each definition; NaN where training learned none."""
    learned = [inputs.learned.get(each.prior_key) for each in definitions]
    return [np.nan if prior is None else float(prior) for prior in learned]
