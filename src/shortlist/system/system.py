"""The declaration of a whole system."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shortlist.base.durations import microseconds
from shortlist.base.errors import DeclarationError
from shortlist.system.contracts import Component, Filter, Order, Ranker, Source
from shortlist.system.entity import Entity, user_problems
from shortlist.system.event import Event, Label, Match, Objective
from shortlist.system.features import Automatic, Definition, attribute_problems


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """Load and latency that the system must meet; the machine it runs on is never part of this."""

    daily_active_users: int = 10_000
    requests_per_user: float = 10.0  # a day
    peak_factor: float = 3.0  # the busiest second over the mean second
    latency_ms: float = 100.0  # p99 of a request
    freshness: str = "1d"  # how old the newest release may be
    slate: int = 20  # items in a slate
    interpretable: bool = False  # only rankers whose every prediction can be traced by hand

    def __post_init__(self) -> None:
        problems = [
            f"requirements: {name} must be above 0, not {value}"
            for name, value in vars(self).items()
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0
        ]
        if problems:
            raise DeclarationError(problems)
        microseconds(self.freshness)


@dataclass(frozen=True, kw_only=True)
class System:
    """Everything Shortlist needs to know, in one object in one file."""

    name: str
    item: Entity
    sources: Sequence[Source] = ()  # none: the system predicts for given items
    user: Entity | None = None  # None: no user, as in a search or where items alone are predicted
    events: Sequence[Event] = ()
    objectives: Sequence[Objective | Match | Label] = ()
    rankers: Sequence[Ranker] = ()
    filters: Sequence[Filter] = ()
    order: Sequence[Order] = ()
    features: Sequence[Definition] = (Automatic(),)
    requirements: Requirements = field(default_factory=Requirements)
    seed: int = 0

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DeclarationError(problems)

    @property
    def contexts(self) -> tuple[str, ...]:
        """Names of the contexts of events and requests, in the order of declaration."""
        return tuple(dict.fromkeys(name for event in self.events for name in event.context))

    def _problems(self) -> Iterable[str]:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            yield f"system name {self.name!r}: use small letters, digits, - and _ (it names a folder)"
        for what, kind in [
            ("sources", Source),
            ("rankers", Ranker),
            ("filters", Filter),
            ("order", Order),
            ("features", Definition),
        ]:
            for part in getattr(self, what):
                if not isinstance(part, kind):
                    yield f"{what} holds {part!r}, which is no {kind.__name__}"
        yield from self._without_sources() if not self.sources else self._with_sources()
        yield from self._check_objectives()
        definitions = [each for each in self.features if isinstance(each, Definition)]
        for definition in definitions:
            yield from definition.problems(self)
        if self.user is not None:
            yield from user_problems(self.user)
        if any(o.weight < 0 for o in self.objectives):
            yield "an objective's weight must not be below 0"
        for what in ("events", "objectives"):
            yield from _duplicates(what, [part.name for part in getattr(self, what)])
        yield from _duplicates("features", [name for each in definitions for name in each.column_names])
        parts: list[Component] = [*self.sources, *self.rankers, *self.filters, *self.order]
        yield from _duplicates("components", [part.name for part in parts if isinstance(part, Component)])

    def _without_sources(self) -> Iterable[str]:
        """A system that predicts needs rankers and labels for given items, and makes no slates."""
        if not self.rankers:
            yield (
                "sources and rankers are both empty: name a source, for example Popular(), to recommend; or only a "
                "ranker, for example LogisticRegression(), to predict"
            )
        for objective in self.objectives:
            if isinstance(objective, Match):
                yield (
                    f"objective {objective.name!r} is a Match, which is searched for: name a source, for example "
                    "Visual(on='photo') or BM25(on=('title',)); to predict, use Label or Objective"
                )
        for what in ("filters", "order"):
            if getattr(self, what):
                yield f"{what} shape slates, and a system without sources makes none: name a source or remove {what}"

    def _with_sources(self) -> Iterable[str]:
        for objective in self.objectives:
            if isinstance(objective, Label):
                yield (
                    f"objective {objective.name!r} is a Label, which is predicted for given items: remove the "
                    "sources; to recommend or search, use Objective or Match"
                )

    def _check_objectives(self) -> Iterable[str]:
        if self.events and self.user is None:
            yield "events are of users: name the user's key, for example user=Entity('user_id')"
        if not self.objectives and (self.events or self.rankers):
            yield (
                "objectives is empty: say what counts as success, for example Objective('clicked', clicks), "
                "Match('same product', by='product') in a search, or Label('spam', pl.col('spam') > 0) to predict it "
                "of items"
            )
        if self.objectives and not self.events and any(isinstance(o, Objective) for o in self.objectives):
            yield "events is empty: declare the events that the objectives are made from"
        if len({type(objective) for objective in self.objectives}) > 1:
            yield "objectives are all made from events (Objective), or all Match, or all Label: not of several kinds"
        if self.user is not None and any(isinstance(objective, Label) for objective in self.objectives):
            yield "a Label is predicted of items alone: remove user and events, or make objectives from events"
        for objective in self.objectives:
            what = f"objective {objective.name!r}"
            if isinstance(objective, Match):
                yield from attribute_problems(what, self.item, "items", objective.by)
                continue
            if isinstance(objective, Label):
                for name in sorted(objective.reads):
                    yield from attribute_problems(what, self.item, "items", name)
                continue
            event = objective.event
            if not any(event is each for each in self.events):
                yield f"{what} is made from event {event.name!r}, which is not in events"
            if objective.reads_value and not event.value:
                yield f"{what} reads 'value', but event {event.name!r} has no value column"


def _duplicates(what: str, names: list[str]) -> Iterable[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{what}: the name {name!r} is used {count} times; give each its own with name=..."
