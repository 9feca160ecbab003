"""Many pictures to vectors: every core reads and encodes, memory stays small, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.base.items import Pictures
from shortlist.base.settings import cache_folder
from shortlist.base.types import Floats
from shortlist.system.contracts import FittedEncoder
from shortlist.vision.encoders.onnx_encoder import BATCH, all_cores
from shortlist.vision.encoders.prefetch import ahead
from shortlist.vision.encoders.vector_cache import VectorCache


@dataclass(frozen=True)
class Pace:
    """How far embedding has come."""

    done: int
    total: int
    cached: int  # of the done, how many were known already
    seconds: float

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.done / max(self.seconds, 1e-9)

    def __str__(self) -> str:
        """A line for people."""
        left = (self.total - self.done) / max(self.rate, 1e-9)
        return f"{self.done:,} of {self.total:,} pictures, {self.rate:,.0f}/s, {left:,.0f} s left"


def embed(
    encoder: FittedEncoder,
    pictures: Pictures,
    hashes: Sequence[str],
    *,
    cache: VectorCache | None = None,
    threads: int | None = None,
    progress: Callable[[Pace], None] | None = None,
) -> Floats:
    """The vectors of the pictures with these content hashes, float32[hashes, embedding_size].

    ``cache``: None: the one of this encoder in the cache folder. For the rest see ``embedded``.
    """
    vectors = np.empty((len(hashes), encoder.embedding_size), np.float32)
    kept = cache
    if kept is None:
        kept = VectorCache(cache_folder() / "vectors", encoder.fingerprint, encoder.embedding_size)
    try:
        for first, some in embedded(encoder, pictures, hashes, kept, threads=threads, progress=progress):
            vectors[first : first + len(some)] = some
    finally:
        if cache is None:
            kept.close()
    return vectors


def embedded(
    encoder: FittedEncoder,
    pictures: Pictures,
    hashes: Sequence[str],
    cache: VectorCache,
    *,
    threads: int | None = None,
    progress: Callable[[Pace], None] | None = None,
) -> Iterator[tuple[int, Floats]]:
    """Vectors a batch at a time, each with the place of its first, in order; memory does not grow with the number.

    Every thread takes a batch all the way from file to vectors, so that no core waits for another; ``threads``:
    None: one for each core; the encoder should then use one for a call. What is in ``cache`` is not even read;
    what is new is on disk there before it is given out, so that a killed run goes on where it was.
    ``progress`` is called after each batch. Raises NotFoundError for a picture that is not there.
    """

    def work(first: int) -> tuple[list[str], Floats]:
        new = list(dict.fromkeys(h for h in hashes[first : first + BATCH] if h not in cache))
        return new, encoder.encode([pictures.read(hash) for hash in new])

    workers, started, known = threads or all_cores(), time.perf_counter(), 0
    firsts = range(0, len(hashes), BATCH)
    batches = ahead(work, firsts, threads=workers, most=2 * workers)
    for first, (new, vectors) in zip(firsts, batches, strict=True):
        cache.add(new, vectors)
        batch = hashes[first : first + BATCH]
        known += len(batch) - len(new)
        if progress is not None:
            progress(Pace(first + len(batch), len(hashes), known, time.perf_counter() - started))
        yield first, cache.take(batch)
