"""What was added since an index was built: few vectors, always scanned."""

from __future__ import annotations

import numpy as np

from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.segment import Part


class Tail(Part):
    """Immutable to readers: a longer tail shares the buffer and writes only behind what the shorter one sees."""

    def __init__(self, buffer: Floats, used: int, keys: Positions, rows: Rows) -> None:
        self.buffer, self.used, self.keys, self.rows = buffer, used, keys, rows

    @classmethod
    def empty(cls, size: int) -> Tail:
        """No vectors of ``size`` numbers."""
        return cls(np.zeros((0, size), np.float32), 0, np.zeros(0, np.int32), np.zeros(0, np.int64))

    def take(self, places: AnyArray | slice) -> Floats:
        """Out of the buffer."""
        return self.buffer[self.rows[places]]

    def added(self, vectors: Floats, keys: Positions) -> Tail:
        """With ``vectors`` of the items ``keys``. Only the newest tail of a buffer may be added to."""
        order = np.argsort(keys, kind="stable")
        tail = self if self.used + len(vectors) <= len(self.buffer) else self._moved(len(vectors))
        used = tail.used + len(vectors)
        tail.buffer[tail.used : used] = vectors
        at = np.searchsorted(tail.keys, keys[order], side="right")
        return Tail(
            tail.buffer,
            used,
            np.insert(tail.keys, at, keys[order]).astype(np.int32),
            np.insert(tail.rows, at, tail.used + order),
        )

    def without(self, keys: Positions) -> Tail:
        """Without the vectors of the items ``keys``; their room comes back when the buffer moves."""
        kept = ~np.isin(self.keys, keys)
        return Tail(self.buffer, self.used, self.keys[kept], self.rows[kept])

    def _moved(self, more: int) -> Tail:
        """The same in a buffer with room for ``more`` vectors and as many again as there are."""
        count = len(self.keys)
        buffer = np.empty((2 * count + more + 64, self.buffer.shape[1]), np.float32)
        order = np.argsort(self.rows)  # an item's own stay in the order they came, and rows rise with time
        buffer[:count] = self.buffer[self.rows[order]]
        rows = np.empty(count, np.int64)
        rows[order] = np.arange(count)
        return Tail(buffer, count, self.keys, rows)
