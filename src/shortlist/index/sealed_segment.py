"""The large segment of an index, built at once: all vectors, and above a size inverted lists to search them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.base.files import load_array, save_arrays
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.ivf import FILE, IVF
from shortlist.index.segment import BLOCK_FLOATS, Segment
from shortlist.index.sq8 import has_faiss

EXACT_MAX_VECTORS = 100_000  # up to here all are scanned; measured in docs/decisions/0008
PAGE_BYTES = 4096


class SealedSegment(Segment):
    """``vectors`` are as given, or with ``ivf`` float16 after a division by ``scale``, a power of two."""

    def __init__(self, vectors: AnyArray, keys: Positions, scale: float, ivf: IVF | None) -> None:
        self.vectors, self.keys, self.scale, self.ivf = vectors, keys, np.float32(scale), ivf
        items = int(keys[-1]) + 1 if len(keys) else 0
        self._first = np.searchsorted(
            keys, np.arange(items + 2)
        )  # the first place of each item, and of two beyond

    def _spans(self, items: Positions) -> tuple[Rows, Rows]:
        """A lookup table is faster than binary search: 1,000 of a million items in 0.01 instead of 0.5 ms."""
        items = np.minimum(items, len(self._first) - 2)
        first = self._first[items]
        return first, self._first[items + 1] - first

    @classmethod
    def build(
        cls, vectors: Floats, keys: Positions, seed: int, sample: Floats | None, *, exact: bool = False
    ) -> SealedSegment:
        """Sort by item; build inverted lists above ``EXACT_MAX_VECTORS`` vectors, where faiss is installed.

        ``exact``: build none in any case.
        """
        if (np.diff(keys) < 0).any():
            order = np.argsort(keys, kind="stable")
            vectors, keys = vectors[order], keys[order]
        if exact or len(vectors) <= EXACT_MAX_VECTORS or not has_faiss():
            return cls(vectors, keys, 1.0, None)
        largest = float(max(vectors.max(), -vectors.min()))
        scale = 2.0 ** np.ceil(np.log2(largest)) if largest else 1.0
        halves = np.empty(vectors.shape, np.float16)
        step = max(1, BLOCK_FLOATS // vectors.shape[1])
        for first in range(0, len(vectors), step):
            some = slice(first, first + step)
            halves[some] = vectors[some] / np.float32(scale)
        return cls(halves, keys, scale, IVF.build(vectors, keys, largest, seed, sample))

    def take(self, places: AnyArray | slice) -> Floats:
        """As they were given, or rounded to float16."""
        vectors = self.vectors[places]
        return vectors if vectors.dtype == np.float32 else np.multiply(vectors, self.scale, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Arrays, and the lists in the format of faiss."""
        save_arrays(folder, vectors=self.vectors, keys=self.keys, scale=np.array(self.scale))
        if self.ivf:
            self.ivf.save(folder)

    @classmethod
    def load(cls, folder: Path) -> SealedSegment:
        """Vectors and codes stay mapped to the files; every page is touched, so that no search waits for the disk."""
        ivf = IVF.load(folder) if (folder / FILE).exists() else None
        vectors = load_array(folder, "vectors")
        vectors.reshape(-1).view(np.uint8)[::PAGE_BYTES].max(initial=0)
        return cls(vectors, np.array(load_array(folder, "keys")), float(load_array(folder, "scale")), ivf)
