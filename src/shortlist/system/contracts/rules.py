"""Filters and orders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from shortlist.base.items import Items
from shortlist.base.queries import Queries, Ragged
from shortlist.base.types import AnyArray, Floats, Mask, Positions, Rows
from shortlist.system.contracts.component import Component


class FittedFilter(ABC):
    """What must not be returned, in two shapes: for all rows, and for single rows."""

    reason: str

    def shared(self) -> Mask | None:
        """Items allowed for everybody, bool[items]; None: all."""
        return None

    def hidden(self, queries: Queries) -> Ragged | None:  # noqa: ARG002
        """Items that single rows must not get; None: none."""
        return None


@dataclass(frozen=True, kw_only=True)
class Filter(Component):
    """Declares a filter: it drops candidates, always with a named reason."""

    @abstractmethod
    def fit(self, items: Items) -> FittedFilter:
        """Bind the filter to a catalogue; learns nothing else, so a release keeps only the hyperparameters."""


class FittedOrder(ABC):
    """Arranges ranked candidates into a slate."""

    @abstractmethod
    def arrange(self, rows: Rows, items: Positions, values: Floats, n: int) -> AnyArray:
        """Indices of candidates (int64, none twice) in their new order, each row's together and rows in order.

        Candidates come sorted by row, best value first; the first ``n`` of each row will be the slate. An index
        that is left out is in no slate; a row with candidates keeps at least one.
        """


@dataclass(frozen=True, kw_only=True)
class Order(Component):
    """Declares a step that makes the slate: diversity, caps, exploration, pins."""

    @abstractmethod
    def fit(self, items: Items) -> FittedOrder:
        """Bind the step to a catalogue; learns nothing else, so a release keeps only the hyperparameters."""
