"""Features of pictures from stages that do not learn, kept between runs of tuning.

A folder ``features`` in the cache folder has one `VectorCache` of float16 rows for each pair of frozen stages and
augmentation: ``views × features`` numbers a picture, 26 kB with the defaults of ``EfficientNetLite0``. Together
they take at most ``MAX_BYTES``: the caches that were used longest ago are deleted first.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.progress import Step
from shortlist.base.types import AnyArray, Picture, Rows
from shortlist.vision.encoders.onnx_encoder import all_cores
from shortlist.vision.encoders.prefetch import prefetched
from shortlist.vision.encoders.prepare import Preparation, Squares
from shortlist.vision.encoders.vector_cache import VectorCache
from shortlist.vision.tuning.augmentation import Augmentation

MAX_BYTES = 4 * 10**9  # of all features that are kept; a single run may need more while it lasts
FORWARD_BATCH = (
    8  # squares through the stages together: larger tensors cost the allocator more than they gain
)
WRITE_BATCH = 64  # pictures written together; a killed run loses no more
DISK_SHARE = 0.9  # of the free disk that may be filled


@dataclass(frozen=True)
class CachedFeatures:
    """Features of pictures, mapped into memory."""

    stored: AnyArray  # float16[cached pictures, views, ...]
    rows: Rows  # int64[pictures], the place of each in ``stored``

    @property
    def views(self) -> int:
        """Views of each picture."""
        return int(self.stored.shape[1])

    def take(self, pictures: Rows, views: Rows | int = 0) -> AnyArray:
        """A view of each of the given pictures, float16[pictures, ...]."""
        features: AnyArray = self.stored[self.rows[pictures], views]
        return features


class FeatureCache:
    """What frozen stages make of pictures: each picture and view is computed once.

    ``forward`` takes uint8[n, side, side, 3] to float[n, *shape], and is called by several threads;
    ``fingerprint`` changes with everything that changes its results.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        preparation: Preparation,
        forward: Callable[[Squares], AnyArray],
        shape: tuple[int, ...],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.fingerprint, self.preparation = folder, fingerprint, preparation
        self.forward, self.shape = forward, shape

    @contextmanager
    def features(
        self,
        pictures: Sequence[Picture],
        hashes: Sequence[str],
        augmentation: Augmentation | None,
        step: Step,
    ) -> Iterator[CachedFeatures]:
        """Of every view of ``pictures``, whose content hashes (hexadecimal) are ``hashes``; None: of the
        pictures as a server prepares them. ``step`` advances by one for each picture.

        Raises DataError where the disk has no room.
        """
        views = augmentation.views if augmentation else 1
        name = hashlib.sha256(f"{self.fingerprint} {augmentation}".encode()).hexdigest()[:16]
        try:
            with VectorCache(self.folder, name, views * math.prod(self.shape), np.float16) as cache:
                os.utime(cache.folder)
                missing = {hash: place for place, hash in enumerate(hashes) if hash not in cache}
                self._make_room(len(missing) * cache.bytes_each, keep=cache.folder)
                step.advance(len(hashes) - len(missing))
                self._add(cache, pictures, missing, augmentation, step)
                stored = cache.mapped().reshape(len(cache), views, *self.shape)
                yield CachedFeatures(stored, cache.rows(hashes))
        finally:
            self._make_room(0, keep=None)

    def _add(
        self,
        cache: VectorCache,
        pictures: Sequence[Picture],
        missing: dict[str, int],
        augmentation: Augmentation | None,
        step: Step,
    ) -> None:
        """Compute and keep the features of the pictures ``missing`` (content hash: place in ``pictures``)."""
        views = augmentation.views if augmentation else 1
        together = max(1, FORWARD_BATCH // views)
        items = list(missing.items())
        batches = [items[first : first + together] for first in range(0, len(items), together)]

        def compute(batch: list[tuple[str, int]]) -> AnyArray:
            """A batch all the way from decoding to features, so that no core waits for another."""
            if augmentation is None:
                squares = self.preparation([pictures[place] for _, place in batch])
            else:
                side = self.preparation.side
                squares = np.concatenate([augmentation(pictures[place], hash, side) for hash, place in batch])
            return self.forward(squares).astype(np.float16).reshape(len(batch), -1)

        hashes, rows = list[str](), list[AnyArray]()
        threads = all_cores()
        computed = prefetched(compute, batches, threads=threads, max_pending=2 * threads)
        for batch, features in zip(batches, computed, strict=True):
            hashes += [hash for hash, _ in batch]
            rows.append(features)
            step.advance(len(batch))
            if len(hashes) >= WRITE_BATCH or batch is batches[-1]:
                cache.add(hashes, np.concatenate(rows))
                hashes, rows = [], []

    def _make_room(self, needed: int, keep: Path | None) -> None:
        """Delete the caches used longest ago until ``needed`` more bytes fit. Raises DataError on a full disk."""
        sizes = {each: _size(each) for each in self.folder.iterdir() if each.is_dir()}
        for folder in sorted(sizes, key=_last_used):
            if sum(sizes.values()) + needed <= MAX_BYTES:
                break
            if folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
                del sizes[folder]
        free = shutil.disk_usage(self.folder).free
        if needed > DISK_SHARE * free:
            raise DataError(
                f"tuning would write {needed / 1e9:.1f} GB to {self.folder}, which has {free / 1e9:.1f} GB free: "
                "ask for fewer augmentations, or name another folder in SHORTLIST_CACHE"
            )


def content_hashes(pictures: Sequence[Picture]) -> Sequence[str]:
    """The content hash of each picture: the one it is stored under, otherwise one of its pixels."""
    stored: Sequence[str] | None = getattr(pictures, "hashes", None)
    return stored if stored is not None else [_hash(picture) for picture in pictures]


def _hash(picture: Picture) -> str:
    return hashlib.sha256(f"{picture.shape}".encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _last_used(folder: Path) -> float:
    return folder.stat().st_mtime
