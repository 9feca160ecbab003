"""Arrays that grow at the end in amortised constant time."""

from __future__ import annotations

from threading import Lock

import numpy as np

from shortlist.base.types import AnyArray

GROWTH = 1.25  # of the capacity when it is exceeded; more would only cost memory


class GrowableArray:
    """An immutable array to which rows can be appended: ``appended`` gives the longer array, this one stays.

    Both share one buffer with spare capacity, so appending costs what the new rows cost. Where another array has
    already been appended to this one, the buffer is copied.
    """

    def __init__(self, rows: AnyArray) -> None:
        self.rows, self._buffer = rows, _Buffer(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def appended(self, more: AnyArray) -> GrowableArray:
        """This array with ``more`` rows at its end."""
        size = len(self) + len(more)
        longer = GrowableArray.__new__(GrowableArray)
        longer._buffer = self._buffer.reserved(len(self), size)
        longer._buffer.array[len(self) : size] = more
        longer.rows = longer._buffer.array[:size]
        return longer


class _Buffer:
    """Rows in use, and capacity for more."""

    def __init__(self, array: AnyArray) -> None:
        self.array, self.used, self._lock = array, len(array), Lock()

    def reserved(self, start: int, stop: int) -> _Buffer:
        """A buffer with the first ``start`` rows of this one in which rows up to ``stop`` are the caller's."""
        with self._lock:
            if self.used == start and stop <= len(self.array):
                self.used = stop
                return self
        copy = _Buffer(with_capacity(self.array[:start], stop, axis=0))
        copy.used = stop
        return copy


def with_capacity(array: AnyArray, size: int, fill: float = 0, axis: int = -1) -> AnyArray:
    """``array`` itself where it has ``size`` entries along ``axis``, else a longer copy, filled up with ``fill``.

    The copy is a quarter longer than it must be, so that growing one by one costs amortised constant time.
    """
    length = array.shape[axis]
    if size <= length:
        return array
    shape = list(array.shape)
    shape[axis] = max(size, int(length * GROWTH))
    longer = np.zeros(shape, array.dtype) if fill == 0 else np.full(shape, fill, array.dtype)
    place = [slice(None)] * array.ndim
    place[axis] = slice(length)
    longer[tuple(place)] = array
    return longer
