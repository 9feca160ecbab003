"""One way to look through inverted lists: how many, which of them, and for what."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.sq8 import codes, faiss

REFINE = 2  # codes found for each vector asked for; the floats choose among them


class Look:
    """Holds for any number of queries: the nearest ``probes`` of the lists ``holding`` something that is open.

    ``bits`` is the bitmap of open items, ``restricted`` whether any bit of it is 0, ``wanted`` how many
    vectors are asked for.
    """

    def __init__(
        self,
        index: Any,
        centroids: Floats,
        holding: Rows,
        probes: int,
        wanted: float,
        bits: AnyArray,
        restricted: bool,
    ) -> None:
        self.index, self.centroids, self.holding, self.probes = index, centroids, holding, probes
        self.wanted, self.bits, self.restricted = wanted, bits, restricted

    def near(self, query: Floats, n: int, hidden: Positions) -> Positions:
        """At least ``n`` items, the best among them, rising; fewer only where no more are open and not ``hidden``."""
        order = self.holding[np.argsort(-(self.centroids[self.holding] @ query), kind="stable")]
        bits = self._without(hidden)
        probes, count = self.probes, int(np.ceil(REFINE * self.wanted))
        while True:
            count = min(count, self.index.ntotal)
            found = self._found(query, count, order[:probes], bits)
            items = np.unique(found[found >= 0]).astype(np.int32)
            dry = found[-1] < 0 or count == self.index.ntotal
            if len(items) >= n or (dry and probes == len(order)):
                return items
            if dry:
                probes = len(order)
            else:
                count *= 2

    def _without(self, hidden: Positions) -> AnyArray | None:
        """The bitmap with one row's own hidden items cleared; None where everything is open."""
        if not len(hidden):
            return self.bits if self.restricted else None
        bits = self.bits.copy()
        inside = hidden[hidden < 8 * len(bits)]
        np.bitwise_and.at(bits, inside >> 3, ~np.left_shift(1, inside & 7).astype(np.uint8))
        return bits

    def _found(self, query: Floats, count: int, lists: Rows, bits: AnyArray | None) -> Rows:
        """The items of the ``count`` best codes in ``lists``, best first; -1 where there are no more."""
        chosen = None if bits is None else faiss().IDSelectorBitmap(bits)
        parameters = faiss().SearchParametersIVF(nprobe=len(lists), sel=chosen)
        asked = codes(query[None], float(np.abs(query).max()))
        near = np.zeros(len(lists), np.float32)  # the library wants it and does not use it for such codes
        scores, items = np.empty(count, np.float32), np.empty(count, np.int64)
        pointer = faiss().swig_ptr
        before, after = (
            (pointer(asked), count, pointer(lists), pointer(near)),
            (pointer(scores), pointer(items)),
        )
        self.index.search_preassigned_c(1, *before, *after, False, parameters)
        return items
