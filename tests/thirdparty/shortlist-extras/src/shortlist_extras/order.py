"""An order: a cap on how many candidates share a category."""

from dataclasses import dataclass, field

import numpy as np

from shortlist.components import (
    AnyArray,
    DeclarationError,
    FittedOrder,
    Floats,
    Items,
    Order,
    Positions,
    Rows,
)


@dataclass(frozen=True, kw_only=True)
class MaxPer(Order):
    """At most ``count`` candidates of each category ``by`` before all others; the rest follows in its order."""

    by: str = field(metadata={"doc": "a category"})
    count: int = 2

    def fit(self, items: Items) -> "FittedMaxPer":
        """Number the categories. Raises DeclarationError where an item has several."""
        column = items.words(self.by)
        if (np.diff(column.offsets) > 1).any():
            raise DeclarationError(f"MaxPer(by={self.by!r}): an item has several of these; name a category")
        category = column.size + np.arange(len(items))  # items without one share none
        category[np.diff(column.offsets) > 0] = column.codes
        return FittedMaxPer(category, self.count)


class FittedMaxPer(FittedOrder):
    def __init__(self, category: AnyArray, count: int) -> None:
        self.category, self.count = category, count

    def arrange(self, rows: Rows, items: Positions, values: Floats, n: int) -> AnyArray:
        category = self.category[items]
        by_category = np.lexsort((np.arange(len(rows)), category, rows))
        new = (np.diff(rows[by_category], prepend=-1) != 0) | (
            np.diff(category[by_category], prepend=-1) != 0
        )
        starts = np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))
        excess = np.empty(len(rows), bool)
        excess[by_category] = np.arange(len(rows)) - starts >= self.count
        return np.lexsort((np.arange(len(rows)), excess, rows))
