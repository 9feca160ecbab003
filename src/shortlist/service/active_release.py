"""The release that serves, and what one request sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shortlist.base.contexts import Contexts
from shortlist.base.errors import NotFoundError
from shortlist.base.types import Mask
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.release import Release
from shortlist.storage.releases import ReleaseFacts


@dataclass(frozen=True)
class ActiveRelease:
    """A release in service, as it was loaded. Immutable: what changes while it serves is its `OnlineState`."""

    facts: ReleaseFacts
    release: Release

    @cached_property
    def event_codes(self) -> Mapping[str, int]:
        """Event name -> code."""
        return {name: code for code, name in enumerate(self.release.pipeline.events)}


@dataclass(frozen=True)
class View:
    """What one request sees from its beginning to its end: the release over the catalogue of that moment.

    Immutable, but for live features, which follow accepted events.
    """

    active: ActiveRelease
    release: Release  # the active one, with the items that were added since
    live: Mask | None = None  # bool[items], items that are not deleted; None: all
    deletions: int = 0  # the store's deletion count that ``live`` is of
    added: int = 0  # the number of the newest added item in the catalogue

    @property
    def number(self) -> int:
        """The release's number."""
        return self.active.facts.number

    @property
    def event_codes(self) -> Mapping[str, int]:
        """Event name -> code."""
        return self.active.event_codes

    @property
    def pipeline(self) -> Pipeline:
        """The request path."""
        return self.release.pipeline

    @property
    def contexts(self) -> Contexts:
        """The declared contexts with the vocabularies of training."""
        return self.pipeline.features.facts.contexts

    def position(self, item: str) -> int:
        """The position of ``item`` in the catalogue. NotFoundError."""
        position = int(self.pipeline.items.positions([item])[0])
        if position < 0:  # no hint: to compare a key with a whole catalogue takes longer than a request may
            raise NotFoundError(f"no item {item!r} in the catalogue of release {self.number}")
        return position

    def is_deleted(self, position: int) -> bool:
        """Whether the item at ``position`` is deleted."""
        return self.live is not None and not self.live[position]

    def why_left_out(self, position: int) -> str:
        """Why an item that a request gave is not in its slate; -1 is an unknown item."""
        if position < 0:
            return "unknown item"
        return "deleted" if self.is_deleted(position) else "filtered"
