"""A filter: nothing before its release."""

from dataclasses import dataclass

import numpy as np

from shortlist.components import DeclarationError, Filter, FittedFilter, Items, Queries, Ragged, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Released(Filter):
    """Drops items whose time ``by`` is later than the query's; those without a time stay."""

    by: str = "released"

    def fit(self, items: Items) -> "FittedReleased":
        """Read the times. Raises DeclarationError where the attribute is absent."""
        if self.by not in items.table.columns:
            hint = did_you_mean(self.by, items.table.columns)
            raise DeclarationError(f"Released(by={self.by!r}): no such attribute; {hint}")
        return FittedReleased(items.table[self.by].fill_null(np.iinfo(np.int64).min).to_numpy())


class FittedReleased(FittedFilter):
    reason = "not released yet"

    def __init__(self, times: np.ndarray) -> None:
        self.order = np.argsort(times, kind="stable").astype(np.int32)
        self.times = times[self.order]

    def hidden(self, queries: Queries) -> Ragged:
        firsts = np.searchsorted(self.times, queries.at, side="right")
        return Ragged.from_lists([np.sort(self.order[first:]).tolist() for first in firsts])
