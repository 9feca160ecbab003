"""The index, as sources see it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.queries import Allowed, Retrieved
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.sealed_segment import EXACT, Built
from shortlist.index.search import search
from shortlist.index.snapshot import State

FORMAT = 1
Change = tuple[Positions, Floats, Positions]  # items that go, vectors that come, their items


class VectorIndex:
    """The items with the largest inner product; of vectors of length 1 that is their cosine.

    An item may have several vectors and scores as its best one. Any number of threads may search while
    others add and delete: a search sees the index as it was at one moment, with every change that had
    returned before.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._writing, self._rebuilding = Lock(), Lock()
        self._since: list[Change] | None = None  # changes since a rebuild began

    @classmethod
    def build(cls, vectors: Floats, keys: AnyArray, *, seed: int = 0, sample: Floats | None = None) -> Self:
        """Of ``vectors`` float32[vectors, size]; ``keys`` int[vectors] are the positions of their items.

        Above 100,000 vectors, and with faiss, a search looks through as many inverted lists as hold 97%
        of the best for ``sample``, float32[queries, size] (None: for some of the vectors, which are held out).
        Raises DataError where a number is not finite.
        """
        return cls(State.new(Built.build(*_checked(vectors, keys), seed, sample)))

    def __len__(self) -> int:
        """How many vectors count."""
        state = self._state
        return int(np.count_nonzero(state.alive[state.built.keys])) + len(state.tail.keys)

    @property
    def size(self) -> int:
        """Numbers in a vector."""
        return int(self._state.built.vectors.shape[1])

    @property
    def exact(self) -> bool:
        """Whether every search finds the true best: there are no inverted lists."""
        return self._state.built.lists is None

    @property
    def about(self) -> str:
        """How it searches, in a sentence."""
        state = self._state
        if lists := state.built.lists:
            return f"{len(self):,} vectors in {lists.index.nlist:,} inverted lists"
        missing = "; faster with inverted lists: pip install 'shortlist[vision]'"
        return f"{len(self):,} vectors, all of them scanned" + missing * (len(state.built.keys) > EXACT)

    @property
    def churn(self) -> float:
        """What was added and deleted since it was built, as a share of that; much of it slows searches down."""
        state = self._state
        gone = np.count_nonzero(~state.alive[state.built.keys])
        return float(state.tail.used + gone) / max(1, len(state.built.keys))

    def search(self, queries: Floats, n: int, allowed: Allowed) -> Retrieved:
        """The ``n`` best allowed items of each query, float32[queries, size], best first; ties to the lower position.

        An item comes once, with its best score. An item beyond the end of ``allowed.shared`` is not allowed.
        """
        return search(self._state, queries, n, allowed)

    def score(self, queries: Floats, rows: Rows, items: Positions) -> Floats:
        """The score of any pair of a query's row and an item, float32[pairs], NaN where the item has no vector."""
        pair, _, scores = self._scored(queries, rows, items)
        best = np.full(len(items), -np.inf, np.float32)
        np.maximum.at(best, pair, scores)
        best[np.bincount(pair, minlength=len(items)) == 0] = np.nan
        return best

    def best(self, queries: Floats, rows: Rows, items: Positions) -> Rows:
        """Which of the item's vectors is the nearest, in the order they came: int64[pairs], -1 where it has none."""
        pair, own, scores = self._scored(queries, rows, items)
        order = np.lexsort((own, -scores, pair))
        first = order[np.flatnonzero(np.diff(pair[order], prepend=-1))]
        which = np.full(len(items), -1, np.int64)
        which[pair[first]] = own[first]
        return which

    def _scored(self, queries: Floats, rows: Rows, items: Positions) -> tuple[Rows, Rows, Floats]:
        pair, own, vectors = self._state.of(items)
        return pair, own, np.einsum("ij,ij->i", queries[rows[pair]], vectors)

    def vectors(self, items: Positions) -> tuple[Rows, Floats]:
        """Every vector of ``items``: (index into ``items``, vector) of each."""
        index, _, vectors = self._state.of(items)
        return index, vectors

    def add(self, vectors: Floats, keys: AnyArray) -> None:
        """Found by every search that begins after this returns. Raises DataError where a number is not finite."""
        self._change(_NOBODY, *_checked(vectors, keys, self.size))

    def delete(self, keys: AnyArray) -> None:
        """All vectors of these items: found by no search that begins after this returns."""
        self._change(np.asarray(keys, np.int32), np.zeros((0, self.size), np.float32), _NOBODY)

    def replace(self, vectors: Floats, keys: AnyArray) -> None:
        """In place of all that these items had; there is no moment in which they have nothing."""
        vectors, keys = _checked(vectors, keys, self.size)
        self._change(keys, vectors, keys)

    def _change(self, gone: Positions, vectors: Floats, keys: Positions) -> None:
        with self._writing:
            self._state = self._state.changed(gone, vectors, keys)
            if self._since is not None:
                self._since.append((gone, vectors, keys))

    def rebuild(self, *, seed: int = 0) -> None:
        """Build anew from what counts, so that nothing is added or deleted any more. Takes as long as ``build``.

        Others may search, add and delete meanwhile; what they change is kept.
        """
        with self._rebuilding:
            with self._writing:
                before, self._since = self._state, []
            try:
                state = State.new(Built.build(*before.everything(), seed, None))
                with self._writing:
                    for change in self._since:
                        state = state.changed(*change)
                    self._state = state
            finally:
                self._since = None

    def save(self, folder: Path) -> None:
        """Arrays, the lists in faiss's own format, JSON."""
        state = self._state
        folder.mkdir(parents=True, exist_ok=True)
        state.built.save(folder)
        save_arrays(
            folder,
            gone=np.flatnonzero(~state.alive).astype(np.int32),
            added=state.tail.take(slice(None)),
            added_keys=state.tail.keys,
        )
        write_json(folder / "index.json", {"format": FORMAT})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Vectors and codes stay mapped to the files, which must stay. Raises DataError on a newer format."""
        if (found := read_json(folder / "index.json")["format"]) > FORMAT:
            raise DataError(f"the index in {folder} has format {found}: this version reads up to {FORMAT}")
        state = State.new(Built.load(folder))
        added = np.array(load_array(folder, "added"))
        gone, keys = (np.array(load_array(folder, name)) for name in ("gone", "added_keys"))
        return cls(state.changed(gone, added, keys))


_NOBODY = np.zeros(0, np.int32)


def _checked(vectors: Floats, keys: AnyArray, size: int | None = None) -> tuple[Floats, Positions]:
    """Fit to be kept. Raises DataError where they are not."""
    vectors, keys = np.ascontiguousarray(vectors, np.float32), np.asarray(keys)
    if vectors.ndim != 2 or len(vectors) != len(keys) or size not in {None, vectors.shape[1]}:
        wanted = f"[{len(keys)}, {'size' if size is None else size}]"
        raise DataError(f"vectors of {len(keys)} items must be float32{wanted}, not {list(vectors.shape)}")
    if not np.isfinite(vectors.sum()) and not np.isfinite(vectors).all():
        raise DataError("vectors must be finite numbers")
    if len(keys) and int(keys.min()) < 0:
        raise DataError("positions of items must not be negative")
    return vectors, keys.astype(np.int32, copy=False)
