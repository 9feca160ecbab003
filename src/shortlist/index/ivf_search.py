"""A search of inverted lists as planned for a filter: which lists, how many of them, and for how many vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.index.sq8 import encode_sq8, faiss

REFINE_FACTOR = 2  # codes retrieved for each vector wanted; exact scores choose among them


class IVFSearch:
    """Good for any number of queries: the nearest ``probes`` of the ``lists`` that hold an allowed item.

    ``bits`` is the bitmap of allowed items, ``restricted`` whether any bit of it is 0, ``wanted`` the number of
    vectors to retrieve.
    """

    def __init__(
        self,
        index: Any,
        centroids: Floats,
        lists: Rows,
        probes: int,
        wanted: float,
        bits: AnyArray,
        restricted: bool,
    ) -> None:
        self.index, self.centroids, self.lists, self.probes = index, centroids, lists, probes
        self.wanted, self.bits, self.restricted = wanted, bits, restricted

    def propose(self, query: Floats, n: int, hidden: Positions) -> Positions:
        """At least ``n`` allowed items that are not ``hidden``, the best among them, ascending; or all."""
        order = self.lists[np.argsort(-(self.centroids[self.lists] @ query), kind="stable")]
        bits = self._without(hidden)
        probes, count = self.probes, int(np.ceil(REFINE_FACTOR * self.wanted))
        while True:
            count = min(count, self.index.ntotal)
            nearest = self._nearest(query, count, order[:probes], bits)
            items = np.unique(nearest[nearest >= 0]).astype(np.int32)
            exhausted = nearest[-1] < 0 or count == self.index.ntotal
            if len(items) >= n or (exhausted and probes == len(order)):
                return items
            if exhausted:
                probes = len(order)
            else:
                count *= 2

    def _without(self, hidden: Positions) -> AnyArray | None:
        """The bitmap without the ``hidden`` items of one query; None where everything is allowed."""
        if not len(hidden):
            return self.bits if self.restricted else None
        bits = self.bits.copy()
        inside = hidden[hidden < 8 * len(bits)]
        np.bitwise_and.at(bits, inside >> 3, ~np.left_shift(1, inside & 7).astype(np.uint8))
        return bits

    def _nearest(self, query: Floats, count: int, lists: Rows, bits: AnyArray | None) -> Rows:
        """The items of the ``count`` best codes in ``lists``, best first; -1 where there are no more."""
        chosen = None if bits is None else faiss().IDSelectorBitmap(bits)
        parameters = faiss().SearchParametersIVF(nprobe=len(lists), sel=chosen)
        coded = encode_sq8(query[None], float(np.abs(query).max()))
        distances = np.zeros(len(lists), np.float32)  # required, and not used for such codes
        scores, items = np.empty(count, np.float32), np.empty(count, np.int64)
        pointer = faiss().swig_ptr
        before, after = (
            (pointer(coded), count, pointer(lists), pointer(distances)),
            (pointer(scores), pointer(items)),
        )
        self.index.search_preassigned_c(1, *before, *after, False, parameters)
        return items
