"""The release that serves, and the immutable view of it and of the online state that one request works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shortlist.base.contexts import Contexts
from shortlist.base.errors import NotFoundError
from shortlist.base.types import Mask, Positions
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.release import Release
from shortlist.storage.releases import ReleaseFacts


@dataclass(frozen=True)
class ActiveRelease:
    """A release in service. Immutable; what changes while it serves is its `OnlineState`."""

    facts: ReleaseFacts
    release: Release

    @property
    def event_codes(self) -> Mapping[str, int]:
        """Event name -> code."""
        return {name: code for code, name in enumerate(self.release.pipeline.events)}


@dataclass(frozen=True)
class View:
    """What one request sees, from its beginning to its end: the release with the items that came since.

    ``live`` bool[items] marks items that are not deleted (None: all), as of the store's ``deletions`` count.
    """

    active: ActiveRelease
    release: Release  # the active one, over the grown catalogue
    live: Mask | None = None
    deletions: int = 0
    added: int = 0  # number of the newest item in the catalogue that a server took in
    event_codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Of the release."""
        return self.active.facts.number

    @property
    def pipeline(self) -> Pipeline:
        """The request path."""
        return self.release.pipeline

    @property
    def contexts(self) -> Contexts:
        """What events and requests may say, with the vocabularies of training."""
        return self.pipeline.features.facts.contexts

    def position(self, item: str) -> int:
        """The position of ``item`` in the catalogue. NotFoundError."""
        position = int(self.pipeline.items.positions([item])[0])
        if position < 0:  # no hint: to compare a key with a whole catalogue takes longer than a request may
            raise NotFoundError(f"no item {item!r} in the catalogue of release {self.number}")
        return position

    def deleted(self, position: int) -> bool:
        """Whether an item is deleted."""
        return self.live is not None and not self.live[position]

    def without(self, positions: Positions) -> Mask | None:
        """The live items but for ``positions``, of which -1 means nothing."""
        positions = positions[positions >= 0]
        if not len(positions):
            return self.live
        live = np.ones(len(self.pipeline.items), bool) if self.live is None else self.live.copy()
        live[positions] = False
        return live

    def why_left_out(self, position: int) -> str:
        """Why a given item is in no slate."""
        if position < 0:
            return "unknown item"
        return "deleted" if self.deleted(position) else "filtered"
