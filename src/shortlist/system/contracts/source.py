"""Candidate sources (retrievers)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.types import Floats, Positions, Rows
from shortlist.system.contracts.component import Component, Fitted
from shortlist.system.contracts.training import TrainingData, TrainingOptions


class FittedSource(Fitted):
    """Proposes candidates, cheap and wide. Three steps, so that nothing is computed twice for a query."""

    @abstractmethod
    def encode(self, queries: Queries) -> Any:
        """The source's representation of a query batch (vectors, weights, scores), passed to the other two."""

    @abstractmethod
    def search(self, encoded: Any, n: int, allowed: Allowed) -> Retrieved:
        """Up to ``n`` allowed items for each query. A row for which the source has no signal gets none."""

    @abstractmethod
    def score(self, encoded: Any, rows: Rows, items: Positions) -> Floats:
        """The source's score of any (row, item) pair, float32[pairs], on the scale of ``search``.

        A pair's score does not depend on the other pairs.
        """


@runtime_checkable
class ExplainsWithHistory(Protocol):
    """A fitted source that can name the history item behind a candidate ("because you watched ...")."""

    def because(self, encoded: Any, rows: Rows, items: Positions) -> Positions:
        """The history item that contributes most to each (row, item) pair, int32[pairs]; -1: none."""


@runtime_checkable
class DescribesCandidates(Protocol):
    """A fitted source that can say in words why it proposes a candidate."""

    def describe(self, encoded: Any, rows: Rows, items: Positions) -> Sequence[str]:
        """A phrase for each (row, item) pair, such as "looks 87% alike"; empty: nothing to say."""


@runtime_checkable
class GrowsWithCatalogue(Protocol):
    """A fitted source that can take in items that it was not trained on."""

    def with_new_items(self, items: Items, trained: int) -> Self:
        """The source over ``items``, whose first ``trained`` it has; it may share state with this one.

        Requests that began before may still use the source as it was.
        """


@dataclass(frozen=True, kw_only=True)
class Source(Component):
    """Declares a candidate source."""

    quota: int = field(default=100, metadata={"doc": "candidates per query"})

    @abstractmethod
    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedSource:
        """Learn from ``data.histories`` (one row per user) over the catalogue ``data.items``.

        Raises DeclarationError where the catalogue has not what the declaration names.
        """
