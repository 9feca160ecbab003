"""The contracts of everything that can be plugged in.

A component is declared as a frozen, keyword-only dataclass: its fields are its knobs. ``fit`` returns a
separate fitted object that works on batches and, where it learned something, saves to and loads from a
folder without pickle. The contract suites in ``shortlist.testing`` check any implementation.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Ragged, Retrieved
from shortlist.base.types import AnyArray, Floats, Mask, Picture, Positions, Rows


@dataclass(frozen=True, kw_only=True)
class Component(ABC):  # noqa: B024
    """What sources, rankers, filters and orders have in common: knobs and a name."""

    name: str = field(default="", metadata={"doc": "what slates, metrics and reports call it"})

    def __post_init__(self) -> None:
        if not self.name:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()
            object.__setattr__(self, "name", words)


class Fitted(ABC):
    """A fitted component that lives in a folder: arrays as ``.npy``, library-native files, JSON; no pickle."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that ``load`` needs into ``folder``, which exists and is empty."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Arrays may stay mapped to the files."""


class FittedSource(Fitted):
    """Proposes candidates, cheap and wide. Three steps, so that nothing is computed twice for a query."""

    @abstractmethod
    def encode(self, queries: Queries) -> Any:
        """What the source makes of a query batch (vectors, weights, scores); passed back to the other two."""

    @abstractmethod
    def search(self, encoded: Any, n: int, allowed: Allowed) -> Retrieved:
        """Up to ``n`` allowed items for each query. A row for which the source knows nothing gets none."""

    @abstractmethod
    def score(self, encoded: Any, rows: Rows, items: Positions) -> Floats:
        """The source's score of any (row, item) pair, float32[pairs], on the scale of ``search``.

        A pair's score does not depend on the other pairs.
        """

    def because(self, encoded: Any, rows: Rows, items: Positions) -> Positions:  # noqa: ARG002
        """The history item that speaks most for each (row, item) pair, int32[pairs]; -1: none."""
        return np.full(len(rows), -1, np.int32)

    def describe(self, encoded: Any, rows: Rows, items: Positions) -> Sequence[str]:  # noqa: ARG002
        """A phrase for a person on each (row, item) pair, such as "looks 87% alike"; empty: nothing to say."""
        return [""] * len(rows)

    def with_new_items(self, items: Items, known: int) -> FittedSource | None:  # noqa: ARG002
        """The source with the items from position ``known`` on as well; None: it would have to learn again.

        Requests that began before may still use the source as it was.
        """
        return None


@dataclass(frozen=True, kw_only=True)
class Source(Component):
    """Declares a candidate source."""

    quota: int = field(default=100, metadata={"doc": "candidates per query"})

    @abstractmethod
    def fit(self, histories: Histories, items: Items, *, seed: int = 0) -> FittedSource:
        """Learn from ``histories`` (one row per user) over the catalogue ``items``."""


class FittedEncoder(Fitted):
    """Turns pictures into vectors, without the library that trained it."""

    embedding_size: int
    fingerprint: str  # of everything that changes a vector: weights, preparation, head

    @abstractmethod
    def encode(self, pictures: Sequence[Picture]) -> Floats:
        """Vectors of length 1, float32[pictures, embedding_size]. A vector does not depend on its neighbours."""


@dataclass(frozen=True, kw_only=True)
class Encoder(Component):
    """Declares what turns pictures into vectors."""

    @abstractmethod
    def fit(self) -> FittedEncoder:
        """The pretrained encoder, ready to answer. Raises MissingExtraError or DataError with what to do."""


class FittedRanker(Fitted):
    """Gives each candidate one calibrated probability per objective."""

    @abstractmethod
    def predict(self, features: Floats) -> Floats:
        """Probabilities, float32[candidates, objectives], of ``features`` float32[candidates, features].

        NaN is a missing value. A candidate's probability does not depend on its neighbours.
        """

    @abstractmethod
    def contributions(self, features: Floats) -> Floats:
        """What each feature adds to the log-odds: float32[candidates, objectives, features]."""


@dataclass(frozen=True, kw_only=True)
class Ranker(Component):
    """Declares a ranker. ``complexity`` orders kinds of model from simple to opaque for selection."""

    complexity: ClassVar[int] = 9
    interpretability: ClassVar[str] = "opaque"

    @abstractmethod
    def fit(self, features: Floats, labels: Floats, names: Sequence[str], *, seed: int = 0) -> FittedRanker:
        """Learn from ``features`` float32[examples, features] (columns called ``names``) and ``labels``
        float32[examples, objectives] of 0 and 1.
        """


class FittedFilter(ABC):
    """Says what must not be returned, in two shapes: for everybody, and for single rows."""

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
        """Bind the filter to a catalogue; learns nothing else, so a release keeps only the knobs."""


class FittedOrder(ABC):
    """Arranges ranked candidates into a slate."""

    @abstractmethod
    def arrange(self, rows: Rows, items: Positions, values: Floats, n: int) -> AnyArray:
        """Places of candidates (int64, none twice) in their new order, each row's together and rows in order.

        Candidates come sorted by row, best value first; the first ``n`` of each row will be the slate. A place
        that is left out is in no slate; a row with candidates keeps at least one.
        """


@dataclass(frozen=True, kw_only=True)
class Order(Component):
    """Declares a step that makes the slate: diversity, caps, exploration, pins."""

    @abstractmethod
    def fit(self, items: Items) -> FittedOrder:
        """Bind the step to a catalogue; learns nothing else, so a release keeps only the knobs."""
