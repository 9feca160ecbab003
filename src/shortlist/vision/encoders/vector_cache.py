"""Vectors that were computed once, by the content of their pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np

from shortlist.base.platform import fcntl
from shortlist.base.types import Floats

KEY = 32  # bytes of a SHA-256


class VectorCache:
    """A folder with one vector for each picture, of one encoder: ``FINGERPRINT/keys`` and ``FINGERPRINT/vectors``.

    Only appended to: first vectors, then keys, each forced to disk. What a kill left half written is cut off at
    the next addition, so nothing that was added is lost and nothing is read that was not whole. Any number of
    threads and processes may add at the same time. Takes about 200 bytes of memory for each picture.
    """

    def __init__(self, folder: Path, fingerprint: str, embedding_size: int) -> None:
        self.folder, self.embedding_size = folder / fingerprint, embedding_size
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys, self._vectors = (_opened(self.folder / name) for name in ("keys", "vectors"))
        self._rows: dict[bytes, int] = {}
        self._lock = Lock()
        with self._alone():
            pass  # reads what is there

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, content_hash: str) -> bool:
        return bytes.fromhex(content_hash) in self._rows

    def take(self, content_hashes: Sequence[str]) -> Floats:
        """The vectors of pictures that are here, float32[pictures, embedding_size]. Raises KeyError."""
        width = 4 * self.embedding_size
        rows = [self._rows[bytes.fromhex(content_hash)] for content_hash in content_hashes]
        data = b"".join(os.pread(self._vectors, width, row * width) for row in rows)
        return np.frombuffer(data, np.float32).reshape(len(rows), self.embedding_size)

    def add(self, content_hashes: Sequence[str], vectors: Floats) -> None:
        """Keep ``vectors``, float32[pictures, embedding_size]; they are on disk when this returns."""
        if not len(content_hashes):
            return
        with self._alone():
            new: dict[bytes, int] = {}
            for place, content_hash in enumerate(content_hashes):
                key = bytes.fromhex(content_hash)
                if key not in self._rows:
                    new.setdefault(key, place)
            _append(self._vectors, np.asarray(vectors, np.float32)[list(new.values())].tobytes())
            _append(self._keys, b"".join(new))
            self._know(new)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No one else adds meanwhile, and what others have added is known."""
        with self._lock:
            fcntl.flock(self._keys, fcntl.LOCK_EX)
            try:
                width = 4 * self.embedding_size
                whole = min(os.fstat(self._keys).st_size // KEY, os.fstat(self._vectors).st_size // width)
                os.ftruncate(self._keys, whole * KEY)
                os.ftruncate(self._vectors, whole * width)
                first = len(self._rows)
                keys = os.pread(self._keys, (whole - first) * KEY, first * KEY)
                self._know(keys[start : start + KEY] for start in range(0, len(keys), KEY))
                yield
            finally:
                fcntl.flock(self._keys, fcntl.LOCK_UN)

    def _know(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._rows[key] = len(self._rows)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._keys)
        os.close(self._vectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)


def _append(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)
