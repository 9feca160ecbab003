"""The contracts of everything that can be plugged in.

A component is declared as a frozen, keyword-only dataclass: its fields are its hyperparameters. ``fit`` returns a
separate fitted object that works on batches and, where it learned something, saves to and loads from a folder
without pickle. What only some components can do (explain, describe, take in new items) is a capability: a
protocol that a fitted object may have. The contract suites in ``shortlist.testing`` check any implementation.
"""

from shortlist.system.contracts.component import Component, Fitted
from shortlist.system.contracts.encoder import Encoder, FittedEncoder
from shortlist.system.contracts.ranker import (
    CategoricalColumn,
    Examples,
    ExplainsPredictions,
    FittedRanker,
    Ranker,
    RankerInputs,
)
from shortlist.system.contracts.rules import Filter, FittedFilter, FittedOrder, Order
from shortlist.system.contracts.source import (
    DescribesCandidates,
    ExplainsWithHistory,
    FittedSource,
    GrowsWithCatalogue,
    Source,
)
from shortlist.system.contracts.training import TrainingData, TrainingOptions

__all__ = [
    "CategoricalColumn",
    "Component",
    "DescribesCandidates",
    "Encoder",
    "Examples",
    "ExplainsPredictions",
    "ExplainsWithHistory",
    "Filter",
    "Fitted",
    "FittedEncoder",
    "FittedFilter",
    "FittedOrder",
    "FittedRanker",
    "FittedSource",
    "GrowsWithCatalogue",
    "Order",
    "Ranker",
    "RankerInputs",
    "Source",
    "TrainingData",
    "TrainingOptions",
]
