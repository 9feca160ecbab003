"""What the request path is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.types import Floats, Positions
from shortlist.features.features import Features
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.system.contracts import FittedFilter, FittedOrder, FittedRanker


@dataclass(frozen=True)
class PipelineParts:
    """The fitted parts that the stages use. Immutable: a new release, or an extended catalogue, is a new object."""

    items: Items
    events: tuple[str, ...]  # names; an event's code is its index here
    objectives: tuple[str, ...]
    weights: Floats  # float32[objectives], the value model
    sources: tuple[SourceSlot, ...]
    popular: Positions  # every item, most popular first: what fills a slate up
    features: Features
    ranker: FittedRanker | None = None  # None: candidates are ordered by reciprocal rank fusion
    filters: tuple[FittedFilter, ...] = ()
    order: tuple[FittedOrder, ...] = ()

    def as_of(self, histories: Histories) -> Self:
        """The same with features read as of each query's moment in a log: for training and evaluation."""
        return replace(self, features=self.features.as_of(histories))

    def with_new_items(
        self, items: Items, filters: tuple[FittedFilter, ...], order: tuple[FittedOrder, ...]
    ) -> Self:
        """The same over ``items``, the catalogue with more at its end, with rules that are bound to it.

        Sources that cannot take new items in go on without them.
        """
        before = len(self.items)
        return replace(
            self,
            items=items,
            sources=tuple(source.with_new_items(items, before) for source in self.sources),
            popular=np.concatenate([self.popular, np.arange(before, len(items), dtype=np.int32)]),
            features=self.features.with_new_items(items),
            filters=filters,
            order=order,
        )
