"""The vectors that were added since an index was built: few, and always scanned."""

from __future__ import annotations

import numpy as np

from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.segment import Segment


class DeltaSegment(Segment):
    """Immutable to readers: a longer one shares the buffer and writes only behind what the shorter one reads."""

    def __init__(self, buffer: Floats, used: int, keys: Positions, rows: Rows) -> None:
        self.buffer, self.used, self.keys, self.rows = buffer, used, keys, rows

    @classmethod
    def empty(cls, size: int) -> DeltaSegment:
        """No vectors of ``size`` numbers."""
        return cls(np.zeros((0, size), np.float32), 0, np.zeros(0, np.int32), np.zeros(0, np.int64))

    def take(self, places: AnyArray | slice) -> Floats:
        """Rows of the buffer."""
        return self.buffer[self.rows[places]]

    def with_added(self, vectors: Floats, keys: Positions) -> DeltaSegment:
        """With ``vectors`` of the items ``keys``. Only the newest segment of a buffer may be extended."""
        order = np.argsort(keys, kind="stable")
        base = self if self.used + len(vectors) <= len(self.buffer) else self._compacted(len(vectors))
        used = base.used + len(vectors)
        base.buffer[base.used : used] = vectors
        at = np.searchsorted(base.keys, keys[order], side="right")
        return DeltaSegment(
            base.buffer,
            used,
            np.insert(base.keys, at, keys[order]).astype(np.int32),
            np.insert(base.rows, at, base.used + order),
        )

    def without(self, keys: Positions) -> DeltaSegment:
        """Without the vectors of the items ``keys``; their space is freed when the buffer is compacted."""
        kept = ~np.isin(self.keys, keys)
        return DeltaSegment(self.buffer, self.used, self.keys[kept], self.rows[kept])

    def _compacted(self, more: int) -> DeltaSegment:
        """The same in a buffer with room for ``more`` vectors and as many again as there are."""
        count = len(self.keys)
        buffer = np.empty((2 * count + more + 64, self.buffer.shape[1]), np.float32)
        order = np.argsort(self.rows)  # by time of addition
        buffer[:count] = self.buffer[self.rows[order]]
        rows = np.empty(count, np.int64)
        rows[order] = np.arange(count)
        return DeltaSegment(buffer, count, self.keys, rows)
