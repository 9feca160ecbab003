"""Inverted lists with 8-bit codes (IVF,SQ8): which items may be best, without scoring all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.types import AnyArray, Floats, Mask, Positions
from shortlist.index.ivf_search import IVFSearch
from shortlist.index.segment import BLOCK_FLOATS, Segment
from shortlist.index.sq8 import encode_sq8, faiss

FILE, PROBES = "ivf.faiss", "probes.json"
TARGET_RECALL = 0.97  # of the candidates in the probed lists: the mean less two standard errors
MEASURED_QUERIES = 256  # on which the recall is measured
DEPTHS = (10, 100, 1_000, 10_000, 100_000)  # n of recall@n; interpolated between them
GATHER_COST = 30  # scoring one vector at random takes as long as scoring so many codes in lists
DENSE_FILTER = 1 / 4  # of the items allowed; below it, lists without an allowed item are skipped
ENCODE_BLOCK = 50_000  # vectors encoded at a time


class IVF:
    """An inverted file (Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", PAMI 2011).

    Codes are integers from -127 to 127, and so is the query: they are compared without decoding.
    ``probes[i]`` lists hold the share TARGET_RECALL of the ``depths[i]`` best vectors, as measured on a sample.
    """

    def __init__(self, index: Any, list_of: AnyArray, depths: AnyArray, probes: AnyArray) -> None:
        self.index, self.list_of, self.depths, self.probes = index, list_of, depths, probes
        self.centroids: Floats = index.quantizer.reconstruct_n(0, index.nlist)

    @classmethod
    def build(cls, vectors: Floats, keys: Positions, largest: float, seed: int, sample: Floats | None) -> IVF:
        """Cluster and encode, then measure on ``sample`` (None: on held-out vectors) how many lists to probe."""
        count, size = vectors.shape
        library, rng = faiss(), np.random.default_rng(seed)
        index = library.IndexIVFScalarQuantizer(
            library.IndexFlatIP(size),
            size,
            2 ** round(np.log2(2 * count**0.5)),
            library.ScalarQuantizer.QT_8bit_direct_signed,
            library.METRIC_INNER_PRODUCT,
            False,  # codes of the vectors themselves, not of residuals
        )
        index.cp.seed, index.cp.niter = seed + 1, 8
        training = np.sort(rng.choice(count, min(count, 64 * index.nlist), replace=False))
        index.train(encode_sq8(vectors[training], largest))
        list_of = np.empty(count, np.int32)
        for first in range(0, count, ENCODE_BLOCK):
            some = slice(first, first + ENCODE_BLOCK)
            coded = encode_sq8(vectors[some], largest)
            assigned = index.quantizer.assign(coded, 1)[:, 0]
            ids = keys[some].astype(np.int64)
            index.add_core(len(coded), *map(library.swig_ptr, (coded, ids, assigned)))
            list_of[some] = assigned
        ivf = cls(index, list_of, np.zeros(0), np.zeros(0))
        ivf.depths, ivf.probes = ivf._measure_probes(vectors, sample, rng)
        return ivf

    def _measure_probes(
        self, vectors: Floats, sample: Floats | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray]:
        """The depths, and for each the number of lists that hold TARGET_RECALL of so many best vectors."""
        held_out = rng.choice(len(vectors), min(MEASURED_QUERIES, len(vectors)), replace=False)
        sampled = sample is not None and len(sample) > 0
        queries = sample[:MEASURED_QUERIES] if sample is not None and sampled else vectors[held_out]
        depths = np.array([DEPTHS[0], *(depth for depth in DEPTHS[1:] if depth <= len(vectors) // 10)])
        deepest = min(depths[-1], len(vectors) - 1)
        recalls = np.zeros((len(depths), len(queries), self.index.nlist), np.float32)
        step = max(1, BLOCK_FLOATS // len(vectors))
        for row, query in enumerate(queries):
            if row % step == 0:
                block = queries[row : row + step] @ vectors.T
            scores = block[row % step]
            if not sampled:
                scores[held_out[row]] = -np.inf  # a vector is not its own neighbour
            best = np.argpartition(-scores, deepest)[:deepest]
            best = best[np.argsort(-scores[best])]
            nearest = np.argsort(-(self.centroids @ query), kind="stable")
            for depth, recall in zip(depths, recalls, strict=True):
                in_list = np.bincount(self.list_of[best[:depth]], minlength=self.index.nlist)[nearest]
                recall[row] = np.cumsum(in_list) / min(depth, deepest)
        lower = recalls.mean(axis=1) - 2 * recalls.std(axis=1) / len(queries) ** 0.5
        return depths, np.array([np.flatnonzero(recall >= TARGET_RECALL)[0] + 1 for recall in lower])

    def plan(self, n: int, segment: Segment, allowed: Mask) -> IVFSearch | None:
        """How to search for ``n`` of the ``allowed`` items, which have a vector; None: an exact scan is faster.

        Among a share s of the items the best n lie as deep as the best n / s among all. Lists without an
        allowed item are skipped: a filter that follows the clusters would otherwise empty the nearest ones.
        """
        lists, items = int(self.index.nlist), len(segment.items)
        count = int(np.count_nonzero(allowed))
        if not count:
            return None
        wanted = n * len(segment.keys) / items
        probes = self._probes_for(wanted * items / count)
        if count * GATHER_COST <= items * probes / lists:
            return None
        chosen = np.arange(lists)
        if count < DENSE_FILTER * items:
            nonempty = np.zeros(lists, bool)
            nonempty[self.list_of[segment.places_of(np.flatnonzero(allowed).astype(np.int32))[1]]] = True
            chosen = np.flatnonzero(nonempty)
        bits = np.packbits(allowed, bitorder="little")
        return IVFSearch(
            self.index, self.centroids, chosen, min(probes, len(chosen)), wanted, bits, count < items
        )

    def _probes_for(self, depth: float) -> int:
        """Lists to probe for the ``depth`` best; all of them beyond the measured depths."""
        if depth > self.depths[-1]:
            return int(self.index.nlist)
        return int(np.ceil(np.interp(np.log(max(depth, 1)), np.log(self.depths), self.probes)))

    def save(self, folder: Path) -> None:
        """The file of faiss, the list of each vector, and the measured numbers of probes."""
        faiss().write_index(self.index, str(folder / FILE))
        save_arrays(folder, list_of=self.list_of)
        write_json(folder / PROBES, {"depths": self.depths.tolist(), "probes": self.probes.tolist()})

    @classmethod
    def load(cls, folder: Path) -> IVF:
        """Codes stay mapped to the file. Raises MissingExtraError where faiss is not installed."""
        index = faiss().read_index(str(folder / FILE), faiss().IO_FLAG_MMAP_IFC)
        measured = read_json(folder / PROBES)
        every = faiss().SearchParametersIVF(nprobe=index.nlist)
        index.search(np.ones((1, index.d), np.float32), 1, params=every)  # touches every page of the codes
        list_of = np.array(load_array(folder, "list_of"))
        return cls(index, list_of, np.array(measured["depths"]), np.array(measured["probes"]))
