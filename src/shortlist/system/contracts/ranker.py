"""Rankers: what they see of candidates, what they learn from, what they answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from shortlist.base.queries import Queries
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.system.contracts.component import Component, Fitted
from shortlist.system.contracts.training import TrainingOptions


class CategoricalColumn(NamedTuple):
    """One category per candidate."""

    codes: AnyArray  # int32[candidates], index into ``vocabulary``; -1: missing, or not in it
    vocabulary: tuple[str, ...]  # as it was when the model was trained


def _no_categories() -> Mapping[str, CategoricalColumn]:
    return {}


@dataclass(frozen=True)
class RankerInputs:
    """What a ranker sees of a batch of candidates.

    The numeric matrix is always there. Categorical columns are made when first asked for, and sequences are the
    histories of the queries, one row each, to which ``rows`` leads from a candidate; so a model that does not read
    them pays nothing.
    """

    numeric: Floats  # float32[candidates, features]; NaN is a missing value
    names: Sequence[str]  # of the numeric columns
    rows: Rows  # int64[candidates], the query of each, rising: the query groups of a listwise loss
    items: Positions  # int32[candidates]
    queries: Queries | None = None  # histories (sequences), moments, contexts of the rows
    read_categorical: Callable[[], Mapping[str, CategoricalColumn]] = _no_categories

    def __len__(self) -> int:
        return len(self.numeric)

    @property
    def categorical(self) -> Mapping[str, CategoricalColumn]:
        """Typed categorical columns with the vocabularies of training, by name."""
        return self.read_categorical()

    @classmethod
    def of_matrix(cls, numeric: Floats, names: Sequence[str] | None = None) -> RankerInputs:
        """Only numbers, each candidate a query of its own: for tests and for rows that come from outside."""
        count = len(numeric)
        named = names if names is not None else [f"feature_{n}" for n in range(numeric.shape[1])]
        return cls(numeric, named, np.arange(count), np.zeros(count, np.int32))


@dataclass(frozen=True)
class Examples:
    """What a ranker learns from: candidates as the pipeline retrieved them, and what became of each."""

    inputs: RankerInputs
    labels: Floats  # float32[examples, objectives] of 0 and 1
    objectives: tuple[str, ...] = ()
    weights: Floats | None = None  # float32[examples]; None: all alike
    validation: Examples | None = None  # a later part, for early stopping and calibration

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def groups(self) -> Rows:
        """The query of each example, int64[examples], rising."""
        return self.inputs.rows

    def without_validation(self) -> Examples:
        """The same, with nothing held out."""
        return replace(self, validation=None)


class FittedRanker(Fitted):
    """Gives each candidate one calibrated probability per objective."""

    @abstractmethod
    def predict(self, inputs: RankerInputs) -> Floats:
        """Probabilities, float32[candidates, objectives].

        A candidate's probability does not depend on the other candidates.
        """


@runtime_checkable
class ExplainsPredictions(Protocol):
    """A fitted ranker that can say what each feature adds."""

    def contributions(self, inputs: RankerInputs) -> Floats:
        """What each numeric feature adds to the log-odds: float32[candidates, objectives, features]."""


@dataclass(frozen=True, kw_only=True)
class Ranker(Component):
    """Declares a ranker. ``complexity`` orders kinds of model from simple to opaque for selection."""

    complexity: ClassVar[int] = 9
    interpretability: ClassVar[str] = "opaque"
    uses_validation: ClassVar[bool] = (
        False  # for early stopping: then ``Examples.validation`` is held out for it
    )

    name: str = field(default="", metadata={"doc": "what slates, metrics and reports call it"})

    @abstractmethod
    def fit(self, examples: Examples, options: TrainingOptions) -> FittedRanker:
        """Learn one probability per objective from ``examples``."""
