"""Base classes of the kinds of features that are made of events."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from shortlist.features.blocks.affinity import AffinityBlock
from shortlist.features.blocks.item_events import item_events
from shortlist.features.blocks.user_events import UserEventsBlock
from shortlist.features.event_definition import EventDefinition
from shortlist.features.kind import BlockMaker
from shortlist.features.window import Window


@dataclass(frozen=True, eq=False)
class EventFeature(EventDefinition):
    """A feature of events: a kind has a ``value``, and the ``statistics`` that it takes."""

    @property
    def block(self) -> BlockMaker:
        """By whose events are read."""
        if self.owner_entity == "item":
            return item_events
        return UserEventsBlock if self.per is None else AffinityBlock

    @property
    def block_key(self) -> Hashable:
        """Events of users are divided by one attribute in a block."""
        return self.per if self.owner_entity == "user" else None


@dataclass(frozen=True, eq=False)
class WindowedFeature(EventFeature):
    """A feature of the events in a window.

    ``window`` is a duration (``"7d"``), ``"all"``, or, for what users own, ``"10e"``: their newest ten events.
    A duration is read in whole tiles of a 24th of it, so it covers between 24 and 25 tiles.
    """

    window: str = field(default="all", kw_only=True)

    @cached_property
    def over(self) -> Window:
        """The window as numbers."""
        return Window.parse(self.window)

    @property
    def window_text(self) -> str:
        """As it is declared."""
        return self.window

    def name_parts(self) -> Iterator[str]:
        """The window at the end, if it has one."""
        yield from super().name_parts()
        if self.window != "all":
            yield self.window

    def declaration_problems(self) -> Iterator[str]:
        """Only users have windows of events."""
        yield from super().declaration_problems()
        if self.over.events and self.owner_entity == "item":
            yield f"feature {self.name!r}: a window of events needs a user's history; items have windows of time"
