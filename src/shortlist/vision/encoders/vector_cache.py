"""Vectors that were computed once, by the content of their pictures."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from shortlist.base.platform import fcntl
from shortlist.base.types import AnyArray, Rows

KEY_BYTES = 32  # of a SHA-256


class VectorCache:
    """A folder with one vector for each picture, of one encoder: ``FINGERPRINT/keys`` and ``FINGERPRINT/vectors``.

    Append-only: first vectors, then keys, each forced to disk. What a killed process left half written is cut
    off by the next addition, so nothing that was added is lost and nothing incomplete is read. Any number of
    threads and processes may add at the same time. Takes about 200 bytes of memory for each picture.
    """

    def __init__(
        self, folder: Path, fingerprint: str, embedding_size: int, dtype: DTypeLike = np.float32
    ) -> None:
        self.folder, self.embedding_size, self.dtype = folder / fingerprint, embedding_size, np.dtype(dtype)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys, self._vectors = (_open(self.folder / name) for name in ("keys", "vectors"))
        self._rows: dict[bytes, int] = {}
        self._lock = Lock()
        with self._exclusive():
            pass  # reads the keys that are there

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, content_hash: str) -> bool:
        return bytes.fromhex(content_hash) in self._rows

    @property
    def bytes_each(self) -> int:
        """Bytes of one vector."""
        return self.dtype.itemsize * self.embedding_size

    def rows(self, content_hashes: Sequence[str]) -> Rows:
        """The row of each picture in ``mapped``, int64[pictures]. Raises KeyError."""
        return np.array([self._rows[bytes.fromhex(each)] for each in content_hashes], np.int64)

    def mapped(self) -> AnyArray:
        """Every vector, [rows, embedding_size], mapped into memory; stays valid when the cache is closed or deleted."""
        size = len(self) * self.bytes_each
        if not size:
            return np.zeros((0, self.embedding_size), self.dtype)
        pages = mmap.mmap(self._vectors, size, access=mmap.ACCESS_READ)
        return np.frombuffer(pages, self.dtype).reshape(-1, self.embedding_size)

    def take(self, content_hashes: Sequence[str]) -> AnyArray:
        """The vectors of pictures that are here, [pictures, embedding_size]. Raises KeyError."""
        width = self.bytes_each
        rows = self.rows(content_hashes).tolist()
        data = b"".join(os.pread(self._vectors, width, row * width) for row in rows)
        return np.frombuffer(data, self.dtype).reshape(len(rows), self.embedding_size)

    def add(self, content_hashes: Sequence[str], vectors: AnyArray) -> None:
        """Keep ``vectors``, [pictures, embedding_size]; they are on disk when this returns."""
        if not len(content_hashes):
            return
        with self._exclusive():
            new: dict[bytes, int] = {}
            for place, content_hash in enumerate(content_hashes):
                key = bytes.fromhex(content_hash)
                if key not in self._rows:
                    new.setdefault(key, place)
            _append(self._vectors, np.asarray(vectors, self.dtype)[list(new.values())].tobytes())
            _append(self._keys, b"".join(new))
            self._register(new)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """No other process adds meanwhile, and the keys that others added are read."""
        with self._lock:
            fcntl.flock(self._keys, fcntl.LOCK_EX)
            try:
                width = self.bytes_each
                whole = min(
                    os.fstat(self._keys).st_size // KEY_BYTES, os.fstat(self._vectors).st_size // width
                )
                os.ftruncate(self._keys, whole * KEY_BYTES)
                os.ftruncate(self._vectors, whole * width)
                first = len(self._rows)
                keys = os.pread(self._keys, (whole - first) * KEY_BYTES, first * KEY_BYTES)
                self._register(keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES))
                yield
            finally:
                fcntl.flock(self._keys, fcntl.LOCK_UN)

    def _register(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._rows[key] = len(self._rows)

    def close(self) -> None:
        """Close the two files."""
        os.close(self._keys)
        os.close(self._vectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)


def _append(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)
