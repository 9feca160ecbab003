"""What an index holds at one moment. Never changed: a change makes another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.types import Floats, Mask, Positions, Rows
from shortlist.index.delta_segment import Tail
from shortlist.index.sealed_segment import Built


@dataclass(frozen=True)
class State:
    """What was built, less the items that are gone from it, and what was added since."""

    built: Built
    alive: Mask  # bool[items], whether an item has built vectors that still count
    tail: Tail

    @classmethod
    def new(cls, built: Built) -> State:
        """Nothing gone, nothing added."""
        items = int(built.keys[-1]) + 1 if len(built.keys) else 0
        alive = np.zeros(items, bool)
        alive[built.items] = True
        return cls(built, alive, Tail.empty(built.vectors.shape[1]))

    def changed(self, gone: Positions, vectors: Floats, keys: Positions) -> State:
        """Without the items ``gone``, then with ``vectors`` of the items ``keys``."""
        alive, tail = self.alive, self.tail
        if len(gone):
            alive, tail = alive.copy(), tail.without(gone)
            alive[gone[gone < len(alive)]] = False
        return State(self.built, alive, tail.added(vectors, keys) if len(keys) else tail)

    def opened(self, shared: Mask) -> tuple[Mask, Mask]:
        """Which items of what was built and of the tail may be found; what ``shared`` does not reach may not."""
        added = np.zeros(int(self.tail.keys[-1]) + 1 if len(self.tail.keys) else 0, bool)
        added[self.tail.items] = True
        return _reaching(shared, len(self.alive)) & self.alive, _reaching(shared, len(added)) & added

    def everything(self) -> tuple[Floats, Positions]:
        """All vectors that count, and their items; an item's own in the order they came."""
        kept = np.flatnonzero(self.alive[self.built.keys])
        whole: slice | Rows = slice(None) if len(kept) == len(self.built.keys) else kept
        vectors = np.concatenate([self.built.take(whole), self.tail.take(slice(None))])
        return vectors, np.concatenate([self.built.keys[whole], self.tail.keys])

    def of(self, items: Positions) -> tuple[Rows, Rows, Floats]:
        """Every vector of ``items`` that counts: (index into ``items``, which of the item's own, vector)."""
        built, place, own = self.built.of(items)
        counts = _reaching(self.alive, int(items.max(initial=0)) + 1)[items[built]]
        built, place, own = built[counts], place[counts], own[counts]
        added, at, later = self.tail.of(items)
        later = later + np.bincount(built, minlength=len(items))[added]
        vectors = np.concatenate([self.built.take(place), self.tail.take(at)])
        return np.concatenate([built, added]), np.concatenate([own, later]), vectors


def _reaching(mask: Mask, size: int) -> Mask:
    """The first ``size`` of ``mask``, False where it ends before."""
    return mask[:size] if len(mask) >= size else np.concatenate([mask, np.zeros(size - len(mask), bool)])
