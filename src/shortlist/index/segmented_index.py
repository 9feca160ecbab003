"""The index of the built-in sources: a sealed segment, a delta segment, and snapshots of both."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import ClassVar, NamedTuple, Self

import numpy as np

from shortlist.base.errors import DataError, ReleaseError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.queries import Allowed, Retrieved
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.sealed_segment import EXACT_MAX_VECTORS, SealedSegment
from shortlist.index.search import search
from shortlist.index.snapshot import Snapshot

FORMAT = 2
NO_ITEMS = np.zeros(0, np.int32)


class Change(NamedTuple):
    """One change: items whose vectors are deleted, then vectors that are added, and their items."""

    deleted: Positions
    vectors: Floats
    keys: Positions


class SegmentedIndex:
    """A `VectorIndex`: exact up to 100,000 vectors, inverted lists above where faiss is installed.

    With inverted lists a search probes as many of them as hold 97% of the best for the ``sample`` of queries
    given to ``build``, or for some of the vectors, held out.
    """

    exact_only: ClassVar[bool] = False

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._writing, self._rebuilding = Lock(), Lock()
        self._since_rebuild: list[Change] | None = None  # changes made while a rebuild runs

    @classmethod
    def build(cls, vectors: Floats, keys: AnyArray, *, seed: int = 0, sample: Floats | None = None) -> Self:
        """See `VectorIndex.build`."""
        return cls(cls._sealed(*_checked(vectors, keys), seed, sample))

    @classmethod
    def _sealed(cls, vectors: Floats, keys: Positions, seed: int, sample: Floats | None) -> Snapshot:
        return Snapshot.new(SealedSegment.build(vectors, keys, seed, sample, exact=cls.exact_only))

    def __len__(self) -> int:
        snapshot = self._snapshot
        return int(np.count_nonzero(snapshot.alive[snapshot.sealed.keys])) + len(snapshot.delta.keys)

    @property
    def size(self) -> int:
        """Numbers in a vector."""
        return int(self._snapshot.sealed.vectors.shape[1])

    @property
    def exact(self) -> bool:
        """Whether every search returns the true best: there are no inverted lists."""
        return self._snapshot.sealed.ivf is None

    @property
    def churn(self) -> float:
        """Vectors added and deleted since the index was built, relative to those it was built of."""
        snapshot = self._snapshot
        deleted = np.count_nonzero(~snapshot.alive[snapshot.sealed.keys])
        return float(snapshot.delta.used + deleted) / max(1, len(snapshot.sealed.keys))

    def describe(self) -> str:
        """How it searches, in a sentence."""
        sealed = self._snapshot.sealed
        if sealed.ivf:
            return f"{len(self):,} vectors in {sealed.ivf.index.nlist:,} inverted lists"
        slow = len(sealed.keys) > EXACT_MAX_VECTORS and not self.exact_only
        hint = "; faster with inverted lists: pip install 'shortlist[vision]'" if slow else ""
        return f"{len(self):,} vectors, all of them scanned" + hint

    def search(self, queries: Floats, n: int, allowed: Allowed) -> Retrieved:
        """See `VectorIndex.search`."""
        return search(self._snapshot, queries, n, allowed)

    def score(self, queries: Floats, rows: Rows, items: Positions) -> Floats:
        """See `VectorIndex.score`."""
        pair, vectors = self._snapshot.vectors_of(items)
        scores = np.full(len(items), -np.inf, np.float32)
        np.maximum.at(scores, pair, np.einsum("ij,ij->i", queries[rows[pair]], vectors))
        scores[np.bincount(pair, minlength=len(items)) == 0] = np.nan
        return scores

    def vectors(self, items: Positions) -> tuple[Rows, Floats]:
        """See `VectorIndex.vectors`."""
        return self._snapshot.vectors_of(items)

    def add(self, vectors: Floats, keys: AnyArray) -> None:
        """See `VectorIndex.add`."""
        self._apply(Change(NO_ITEMS, *_checked(vectors, keys, self.size)))

    def delete(self, keys: AnyArray) -> None:
        """See `VectorIndex.delete`."""
        self._apply(Change(np.asarray(keys, np.int32), np.zeros((0, self.size), np.float32), NO_ITEMS))

    def replace(self, vectors: Floats, keys: AnyArray) -> None:
        """See `VectorIndex.replace`."""
        vectors, keys = _checked(vectors, keys, self.size)
        self._apply(Change(keys, vectors, keys))

    def _apply(self, change: Change) -> None:
        with self._writing:
            self._snapshot = self._snapshot.with_change(*change)
            if self._since_rebuild is not None:
                self._since_rebuild.append(change)

    def rebuild(self, *, seed: int = 0) -> None:
        """See `VectorIndex.rebuild`. Changes made meanwhile are applied again to what was built."""
        with self._rebuilding:
            with self._writing:
                before, self._since_rebuild = self._snapshot, []
            try:
                snapshot = self._sealed(*before.all_vectors(), seed, None)
                with self._writing:
                    for change in self._since_rebuild:
                        snapshot = snapshot.with_change(*change)
                    self._snapshot = snapshot
            finally:
                self._since_rebuild = None

    def save(self, folder: Path) -> None:
        """Arrays, the inverted lists in the format of faiss, JSON."""
        snapshot = self._snapshot
        folder.mkdir(parents=True, exist_ok=True)
        snapshot.sealed.save(folder)
        save_arrays(
            folder,
            deleted=np.flatnonzero(~snapshot.alive).astype(np.int32),
            added=snapshot.delta.take(slice(None)),
            added_keys=snapshot.delta.keys,
        )
        write_json(folder / "index.json", {"format": FORMAT})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Vectors and codes stay mapped to the files, which must stay. Raises ReleaseError on another format."""
        written = read_json(folder / "index.json")["format"]
        if written != FORMAT:
            advice = "upgrade Shortlist" if written > FORMAT else "train again"
            raise ReleaseError(
                f"the index in {folder} has format {written}, this version reads {FORMAT}: {advice}"
            )
        snapshot = Snapshot.new(SealedSegment.load(folder))
        added = np.array(load_array(folder, "added"))
        deleted, keys = (np.array(load_array(folder, name)) for name in ("deleted", "added_keys"))
        return cls(snapshot.with_change(deleted, added, keys))


def _checked(vectors: Floats, keys: AnyArray, size: int | None = None) -> tuple[Floats, Positions]:
    """``vectors`` and ``keys`` in the types of the index. Raises DataError where they do not fit."""
    vectors, keys = np.ascontiguousarray(vectors, np.float32), np.asarray(keys)
    if vectors.ndim != 2 or len(vectors) != len(keys) or size not in {None, vectors.shape[1]}:
        wanted = f"[{len(keys)}, {'size' if size is None else size}]"
        raise DataError(f"vectors of {len(keys)} items must be float32{wanted}, not {list(vectors.shape)}")
    if not np.isfinite(vectors.sum()) and not np.isfinite(vectors).all():
        raise DataError("vectors must be finite numbers")
    if len(keys) and int(keys.min()) < 0:
        raise DataError("positions of items must not be negative")
    return vectors, keys.astype(np.int32, copy=False)
