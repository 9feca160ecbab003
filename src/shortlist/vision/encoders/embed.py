"""Many pictures to vectors: every core decodes and encodes, memory is bounded, and nothing is computed twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from shortlist.base.items import Pictures
from shortlist.base.progress import Step
from shortlist.base.settings import cache_folder
from shortlist.base.types import Floats
from shortlist.system.contracts import FittedEncoder
from shortlist.vision.encoders.onnx_encoder import BATCH, all_cores
from shortlist.vision.encoders.prefetch import prefetched
from shortlist.vision.encoders.vector_cache import VectorCache


def embed(
    encoder: FittedEncoder,
    pictures: Pictures,
    hashes: Sequence[str],
    *,
    cache: VectorCache | None = None,
    threads: int | None = None,
    step: Step | None = None,
) -> Floats:
    """The vectors of the pictures with these content hashes, float32[hashes, embedding_size].

    ``cache``: None: the one of this encoder in the cache folder. For the rest see ``embed_batches``.
    """
    vectors = np.empty((len(hashes), encoder.embedding_size), np.float32)
    opened = cache
    if opened is None:
        opened = VectorCache(cache_folder() / "vectors", encoder.fingerprint, encoder.embedding_size)
    try:
        for first, batch in embed_batches(encoder, pictures, hashes, opened, threads=threads, step=step):
            vectors[first : first + len(batch)] = batch
    finally:
        if cache is None:
            opened.close()
    return vectors


def embed_batches(
    encoder: FittedEncoder,
    pictures: Pictures,
    hashes: Sequence[str],
    cache: VectorCache,
    *,
    threads: int | None = None,
    step: Step | None = None,
) -> Iterator[tuple[int, Floats]]:
    """Vectors a batch at a time, in order, each with the place of its first; memory does not grow with the number.

    A thread takes a batch all the way from file to vectors, so that no core waits for another; ``threads``: None:
    one for each core; the encoder should then use one per call. Pictures that are in ``cache`` are not even
    decoded; new vectors are on disk there before they are yielded, so a killed run continues where it was.
    ``step`` advances by one for each picture. Raises NotFoundError for a picture that is not there.
    """

    def encode(first: int) -> tuple[list[str], Floats]:
        new = list(dict.fromkeys(h for h in hashes[first : first + BATCH] if h not in cache))
        return new, encoder.encode([pictures.read(hash) for hash in new])

    workers = threads or all_cores()
    firsts = range(0, len(hashes), BATCH)
    batches = prefetched(encode, firsts, threads=workers, max_pending=2 * workers)
    for first, (new, vectors) in zip(firsts, batches, strict=True):
        cache.add(new, vectors)
        batch = hashes[first : first + BATCH]
        if step is not None:
            step.advance(len(batch))
        yield first, cache.take(batch)
