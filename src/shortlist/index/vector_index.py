"""The protocol of vector indexes; `shortlist.testing.indexes` has the contract suite."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from shortlist.base.queries import Allowed, Retrieved
from shortlist.base.types import AnyArray, Floats, Positions, Rows


@runtime_checkable
class VectorIndex(Protocol):
    """Vectors of items, searched by inner product; of vectors of length 1 that is the cosine.

    An item may have several vectors and scores as its best one. Any number of threads may search while others
    add and delete: a search works on one snapshot, which has every change that had returned before it began.
    """

    @classmethod
    def build(cls, vectors: Floats, keys: AnyArray, *, seed: int = 0, sample: Floats | None = None) -> Self:
        """An index of ``vectors``, float32[vectors, size], of the items at the positions ``keys``, int[vectors].

        ``sample``, float32[queries, size], are typical queries that an approximate index may be tuned on.
        Raises DataError where a number is not finite.
        """

    def __len__(self) -> int:
        """The number of vectors."""

    @property
    def size(self) -> int:
        """Numbers in a vector."""

    @property
    def exact(self) -> bool:
        """Whether every search returns the true best."""

    @property
    def churn(self) -> float:
        """Vectors and items that were added or deleted since the index was built, relative to its size then.

        Searches slow down with it; `rebuild` brings it back to 0.
        """

    def describe(self) -> str:
        """How it searches, in a sentence."""

    def search(self, queries: Floats, n: int, allowed: Allowed) -> Retrieved:
        """The ``n`` best allowed items of each query, float32[queries, size], best first; ties to the lower position.

        An item comes once, with its best score. An item beyond the end of ``allowed.shared`` is not allowed.
        """

    def score(self, queries: Floats, rows: Rows, items: Positions) -> Floats:
        """The score of each (query row, item) pair, float32[pairs]; NaN where the item has no vector."""

    def vectors(self, items: Positions) -> tuple[Rows, Floats]:
        """Every vector of ``items``: (index into ``items``, vector) of each; an item's own in order of addition."""

    def add(self, vectors: Floats, keys: AnyArray) -> None:
        """Add vectors; every search that begins after this returns has them. Raises DataError as ``build`` does."""

    def delete(self, keys: AnyArray) -> None:
        """Delete all vectors of these items; no search that begins after this returns has them."""

    def replace(self, vectors: Floats, keys: AnyArray) -> None:
        """Delete the items' vectors and add these, in one step: no search sees an item without a vector."""

    def rebuild(self, *, seed: int = 0) -> None:
        """Build again from the current vectors. Takes as long as ``build``; searches and changes go on meanwhile."""

    def save(self, folder: Path) -> None:
        """Write the index into ``folder``; no pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; arrays may stay mapped to the files. Raises ReleaseError on another format."""
