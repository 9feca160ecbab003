"""Inverted lists with codes of 8 bits: which items may be best, without looking at all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.types import AnyArray, Floats, Mask, Positions
from shortlist.index.ivf_search import Look
from shortlist.index.segment import CELLS_AT_ONCE, Part
from shortlist.index.sq8 import codes, faiss

FILE, MEASURED = "lists.faiss", "probes.json"
RECALL = 0.97  # share of the best that is in the lists looked through, on average, less two standard errors
SAMPLE = 256  # vectors held out to measure it
DEPTHS = (10, 100, 1_000, 10_000, 100_000)  # of how many best; between them it is interpolated
LIST_ROWS = 30  # codes that are compared in lists in the time of one vector that is looked for alone
FEW = 4  # where less than one in so many is open, lists that hold none of them are left out
AT_ONCE = 50_000  # vectors encoded at a time


class Lists:
    """An inverted file (Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", PAMI 2011).

    Codes are whole numbers of -127 to 127, and so is the query: they are compared without decoding.
    ``probes[i]`` lists hold the share RECALL of the ``depths[i]`` best vectors, as measured on a sample.
    """

    def __init__(self, index: Any, list_of: AnyArray, depths: AnyArray, probes: AnyArray) -> None:
        self.index, self.list_of, self.depths, self.probes = index, list_of, depths, probes
        self.centroids: Floats = index.quantizer.reconstruct_n(0, index.nlist)

    @classmethod
    def build(
        cls, vectors: Floats, keys: Positions, largest: float, seed: int, sample: Floats | None
    ) -> Lists:
        """Cluster and encode, then measure on ``sample`` (None: on held-out vectors) how far to look."""
        count, size = vectors.shape
        library, rng = faiss(), np.random.default_rng(seed)
        index = library.IndexIVFScalarQuantizer(
            library.IndexFlatIP(size),
            size,
            2 ** round(np.log2(2 * count**0.5)),
            library.ScalarQuantizer.QT_8bit_direct_signed,
            library.METRIC_INNER_PRODUCT,
            False,  # codes of the vectors themselves, not of their way from the centre of the list
        )
        index.cp.seed, index.cp.niter = seed + 1, 8
        learn = np.sort(rng.choice(count, min(count, 64 * index.nlist), replace=False))
        index.train(codes(vectors[learn], largest))
        list_of = np.empty(count, np.int32)
        for first in range(0, count, AT_ONCE):
            some = slice(first, first + AT_ONCE)
            coded = codes(vectors[some], largest)
            near = index.quantizer.assign(coded, 1)[:, 0]
            ids = keys[some].astype(np.int64)
            index.add_core(len(coded), *map(library.swig_ptr, (coded, ids, near)))
            list_of[some] = near
        made = cls(index, list_of, np.zeros(0), np.zeros(0))
        made.depths, made.probes = made._measured(vectors, sample, rng)
        return made

    def _measured(
        self, vectors: Floats, sample: Floats | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray]:
        """The depths, and for each the lists that hold RECALL of so many best vectors."""
        own = rng.choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)
        asked = sample is not None and len(sample) > 0
        queries = sample[:SAMPLE] if sample is not None and asked else vectors[own]
        depths = np.array([DEPTHS[0], *(depth for depth in DEPTHS[1:] if depth <= len(vectors) // 10)])
        deepest = min(depths[-1], len(vectors) - 1)
        held = np.zeros((len(depths), len(queries), self.index.nlist), np.float32)
        step = max(1, CELLS_AT_ONCE // len(vectors))
        for row, query in enumerate(queries):
            if row % step == 0:
                block = queries[row : row + step] @ vectors.T
            scores = block[row % step]
            if not asked:
                scores[own[row]] = -np.inf  # nobody asks for what he has
            best = np.argpartition(-scores, deepest)[:deepest]
            best = best[np.argsort(-scores[best])]
            nearest = np.argsort(-(self.centroids @ query), kind="stable")
            for depth, counts in zip(depths, held, strict=True):
                found = np.bincount(self.list_of[best[:depth]], minlength=self.index.nlist)[nearest]
                counts[row] = np.cumsum(found) / min(depth, deepest)
        surely = held.mean(axis=1) - 2 * held.std(axis=1) / len(queries) ** 0.5
        return depths, np.array([np.flatnonzero(recall >= RECALL)[0] + 1 for recall in surely])

    def look(self, n: int, part: Part, opened: Mask) -> Look | None:
        """How to search for ``n`` of the items of ``opened``, which have a vector; None: better without lists.

        Among a share s of the items the best n lie as deep as the best n / s among all. Lists without
        anything open are left out: a filter that follows the clusters would shut all that are near.
        """
        lists, items = int(self.index.nlist), len(part.items)
        kept = int(np.count_nonzero(opened))
        if not kept:
            return None
        wanted = n * len(part.keys) / items
        needed = self._needed(wanted * items / kept)
        if kept * LIST_ROWS <= items * needed / lists:
            return None
        holding = np.arange(lists)
        if kept * FEW < items:
            holds = np.zeros(lists, bool)
            holds[self.list_of[part.of(np.flatnonzero(opened).astype(np.int32))[1]]] = True
            holding = np.flatnonzero(holds)
        bits = np.packbits(opened, bitorder="little")
        return Look(
            self.index, self.centroids, holding, min(needed, len(holding)), wanted, bits, kept < items
        )

    def _needed(self, depth: float) -> int:
        """Lists to look through for the ``depth`` best; all of them where that was not measured."""
        if depth > self.depths[-1]:
            return int(self.index.nlist)
        return int(np.ceil(np.interp(np.log(max(depth, 1)), np.log(self.depths), self.probes)))

    def save(self, folder: Path) -> None:
        """The library's own file, the list of each vector, and what was measured."""
        faiss().write_index(self.index, str(folder / FILE))
        save_arrays(folder, list_of=self.list_of)
        write_json(folder / MEASURED, {"depths": self.depths.tolist(), "probes": self.probes.tolist()})

    @classmethod
    def load(cls, folder: Path) -> Lists:
        """Codes stay mapped to the file. Raises MissingExtraError where the library is absent."""
        index = faiss().read_index(str(folder / FILE), faiss().IO_FLAG_MMAP_IFC)
        measured = read_json(folder / MEASURED)
        every = faiss().SearchParametersIVF(nprobe=index.nlist)
        index.search(np.ones((1, index.d), np.float32), 1, params=every)  # touches every page of the codes
        list_of = np.array(load_array(folder, "list_of"))
        return cls(index, list_of, np.array(measured["depths"]), np.array(measured["probes"]))
