"""A fitted source in its place in the pipeline: its name, its quota, and the items it was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.types import Floats, Positions, Rows
from shortlist.system.contracts import (
    DescribesCandidates,
    ExplainsWithHistory,
    FittedSource,
    GrowsWithCatalogue,
)


@dataclass(frozen=True)
class SourceSlot:
    """A source sees only items that it was trained on, or has taken in since: nothing later reaches it."""

    name: str
    quota: int
    fitted: FittedSource
    trained: int | None = None  # it knows the items before this position; None: the whole catalogue

    @cached_property
    def explains_with_history(self) -> ExplainsWithHistory | None:
        """The source, where it has this capability; looked up once, since that is slow for a protocol."""
        fitted: object = self.fitted
        return fitted if isinstance(fitted, ExplainsWithHistory) else None

    @cached_property
    def describes_candidates(self) -> DescribesCandidates | None:
        """The source, where it has this capability."""
        fitted: object = self.fitted
        return fitted if isinstance(fitted, DescribesCandidates) else None

    def encode(self, queries: Queries) -> Any:
        """The source's view of the queries."""
        return self.fitted.encode(queries.first_items(self.trained))

    def search(self, encoded: Any, n: int, allowed: Allowed) -> Retrieved:
        """At least the quota of those allowed items that it knows."""
        return self.fitted.search(encoded, max(self.quota, n), allowed.first_items(self.trained))

    def score(self, encoded: Any, rows: Rows, items: Positions) -> Floats:
        """Its score of each pair; NaN for items that it does not know."""
        if self.trained is None:
            return self.fitted.score(encoded, rows, items)
        old = items < self.trained
        scores = np.full(len(items), np.nan, np.float32)
        scores[old] = self.fitted.score(encoded, rows[old], items[old])
        return scores

    def with_new_items(self, items: Items, before: int) -> SourceSlot:
        """In the same place of a pipeline whose catalogue had ``before`` items and has ``items`` now."""
        if self.trained is None and isinstance(self.fitted, GrowsWithCatalogue):
            return replace(self, fitted=self.fitted.with_new_items(items, before))
        return replace(self, trained=before if self.trained is None else self.trained)
