"""The large part of an index, made at once: exact floats, and above a size inverted lists to find them by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.base.files import load_array, save_arrays
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.ivf import FILE, Lists
from shortlist.index.segment import CELLS_AT_ONCE, Part
from shortlist.index.sq8 import faiss_is_here

EXACT = 100_000  # vectors up to which all of them are scanned; measured in docs/decisions/0008
EVERY_PAGE = 4096


class Built(Part):
    """``vectors`` are as given, or with ``lists`` halves of them divided by ``scale``, a power of two."""

    def __init__(self, vectors: AnyArray, keys: Positions, scale: float, lists: Lists | None) -> None:
        self.vectors, self.keys, self.scale, self.lists = vectors, keys, np.float32(scale), lists
        items = int(keys[-1]) + 1 if len(keys) else 0
        self._first = np.searchsorted(keys, np.arange(items + 2))  # place of each item, and of two beyond

    def _spans(self, items: Positions) -> tuple[Rows, Rows]:
        """A table of all items is faster than searching the keys: 1,000 of a million in 0.01 instead of 0.5 ms."""
        items = np.minimum(items, len(self._first) - 2)
        first = self._first[items]
        return first, self._first[items + 1] - first

    @classmethod
    def build(cls, vectors: Floats, keys: Positions, seed: int, sample: Floats | None) -> Built:
        """Sort by item; learn inverted lists where there are more than ``EXACT`` vectors, and faiss."""
        if (np.diff(keys) < 0).any():
            order = np.argsort(keys, kind="stable")
            vectors, keys = vectors[order], keys[order]
        if len(vectors) <= EXACT or not faiss_is_here():
            return cls(vectors, keys, 1.0, None)
        largest = float(max(vectors.max(), -vectors.min()))
        scale = 2.0 ** np.ceil(np.log2(largest)) if largest else 1.0
        halves = np.empty(vectors.shape, np.float16)
        step = max(1, CELLS_AT_ONCE // vectors.shape[1])
        for first in range(0, len(vectors), step):
            some = slice(first, first + step)
            halves[some] = vectors[some] / np.float32(scale)
        return cls(halves, keys, scale, Lists.build(vectors, keys, largest, seed, sample))

    def take(self, places: AnyArray | slice) -> Floats:
        """As they were given, or rounded to halves."""
        vectors = self.vectors[places]
        return vectors if vectors.dtype == np.float32 else np.multiply(vectors, self.scale, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Arrays, and the lists in faiss's own format."""
        save_arrays(folder, vectors=self.vectors, keys=self.keys, scale=np.array(self.scale))
        if self.lists:
            self.lists.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Built:
        """Vectors and codes stay mapped to the files; every page is touched, so that no search meets a cold one."""
        lists = Lists.load(folder) if (folder / FILE).exists() else None
        vectors = load_array(folder, "vectors")
        vectors.reshape(-1).view(np.uint8)[::EVERY_PAGE].max(initial=0)
        return cls(vectors, np.array(load_array(folder, "keys")), float(load_array(folder, "scale")), lists)
