"""Group: items that belong together, such as the photos of a product, take one place in the slate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shortlist.base.errors import DeclarationError
from shortlist.base.items import Items
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.system.contracts import FittedOrder, Order


@dataclass(frozen=True, kw_only=True)
class Group(Order):
    """Keeps the best candidate of each group; an item without the attribute is a group of its own."""

    by: str = field(metadata={"doc": "the attribute that makes a group: a category such as the product"})

    def fit(self, items: Items) -> FittedOrder:
        """Number the groups. Raises DeclarationError where the attribute is absent or multi-valued."""
        if self.by not in items.table.columns:
            known = [name for name in items.table.columns if name != "item"]
            raise DeclarationError(
                f"Group(by={self.by!r}): no such attribute; {did_you_mean(self.by, known)}"
            )
        words = items.words(self.by)
        if int(np.diff(words.offsets).max(initial=0)) > 1:
            raise DeclarationError(
                f"Group(by={self.by!r}): an item may have several of these, and belongs to one group"
            )
        groups = words.size + np.arange(len(items))
        groups[np.diff(words.offsets) > 0] = words.codes
        return FittedGroup(groups)


class FittedGroup(FittedOrder):
    """The group of every item."""

    def __init__(self, groups: AnyArray) -> None:
        self.groups = groups  # int64[items]

    def arrange(self, rows: Rows, items: Positions, values: Floats, n: int) -> AnyArray:  # noqa: ARG002
        """The best of each group, in their order."""
        group = self.groups[items]
        order = np.lexsort((np.arange(len(rows)), group, rows))  # the best of a row's group comes first
        repeated = (np.diff(rows[order], prepend=-1) == 0) & (np.diff(group[order], prepend=-1) == 0)
        return np.sort(order[~repeated])
