"""The content of an index at one moment. Immutable: a change makes another snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.types import Floats, Mask, Positions, Rows
from shortlist.index.delta_segment import DeltaSegment
from shortlist.index.sealed_segment import SealedSegment


@dataclass(frozen=True)
class Snapshot:
    """A sealed segment, which of its items are not deleted, and a delta segment with what was added since."""

    sealed: SealedSegment
    alive: Mask  # bool[items], whether an item has sealed vectors that are not deleted
    delta: DeltaSegment

    @classmethod
    def new(cls, sealed: SealedSegment) -> Snapshot:
        """Nothing deleted, nothing added."""
        items = int(sealed.keys[-1]) + 1 if len(sealed.keys) else 0
        alive = np.zeros(items, bool)
        alive[sealed.items] = True
        return cls(sealed, alive, DeltaSegment.empty(sealed.vectors.shape[1]))

    def with_change(self, deleted: Positions, vectors: Floats, keys: Positions) -> Snapshot:
        """Without the items ``deleted``, then with ``vectors`` of the items ``keys``."""
        alive, delta = self.alive, self.delta
        if len(deleted):
            alive, delta = alive.copy(), delta.without(deleted)
            alive[deleted[deleted < len(alive)]] = False
        return Snapshot(self.sealed, alive, delta.with_added(vectors, keys) if len(keys) else delta)

    def allowed(self, shared: Mask) -> tuple[Mask, Mask]:
        """Which items of the sealed and of the delta segment are allowed; an item beyond ``shared`` is not."""
        added = np.zeros(int(self.delta.keys[-1]) + 1 if len(self.delta.keys) else 0, bool)
        added[self.delta.items] = True
        return resized(shared, len(self.alive)) & self.alive, resized(shared, len(added)) & added

    def all_vectors(self) -> tuple[Floats, Positions]:
        """All vectors that are not deleted, and their items; those of one item in the order of addition."""
        live = np.flatnonzero(self.alive[self.sealed.keys])
        whole: slice | Rows = slice(None) if len(live) == len(self.sealed.keys) else live
        vectors = np.concatenate([self.sealed.take(whole), self.delta.take(slice(None))])
        return vectors, np.concatenate([self.sealed.keys[whole], self.delta.keys])

    def vectors_of(self, items: Positions) -> tuple[Rows, Floats]:
        """Every vector of ``items`` that is not deleted: (index into ``items``, vector) of each."""
        index, place, _ = self.sealed.places_of(items)
        live = resized(self.alive, int(items.max(initial=0)) + 1)[items[index]]
        added, at, _ = self.delta.places_of(items)
        vectors = np.concatenate([self.sealed.take(place[live]), self.delta.take(at)])
        return np.concatenate([index[live], added]), vectors


def resized(mask: Mask, size: int) -> Mask:
    """The first ``size`` entries of ``mask``, False beyond its end."""
    return mask[:size] if len(mask) >= size else np.concatenate([mask, np.zeros(size - len(mask), bool)])
