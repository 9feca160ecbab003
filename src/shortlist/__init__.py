"""Shortlist: from millions of items to the twenty that matter to this person, now.

Everything that a System file needs is a name of this package. Names are imported when first used, so
``import shortlist`` is quick and loads no model library, web framework or cluster.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shortlist.base.errors import DeclarationError as DeclarationError
    from shortlist.base.errors import ShortlistError as ShortlistError
    from shortlist.features.kinds.attributes import ItemAttribute as ItemAttribute
    from shortlist.features.kinds.attributes import Length as Length
    from shortlist.features.kinds.attributes import UserAttribute as UserAttribute
    from shortlist.features.kinds.context import Context as Context
    from shortlist.features.kinds.counts import Count as Count
    from shortlist.features.kinds.counts import Distinct as Distinct
    from shortlist.features.kinds.counts import Sum as Sum
    from shortlist.features.kinds.feast import FeastView as FeastView
    from shortlist.features.kinds.means import Mean as Mean
    from shortlist.features.kinds.means import Rate as Rate
    from shortlist.features.kinds.profile import Distance as Distance
    from shortlist.features.kinds.profile import Popularity as Popularity
    from shortlist.features.kinds.profile import Similarity as Similarity
    from shortlist.features.kinds.recency import Decayed as Decayed
    from shortlist.features.kinds.recency import Last as Last
    from shortlist.features.kinds.recency import Since as Since
    from shortlist.features.kinds.shares import Among as Among
    from shortlist.features.kinds.shares import Share as Share
    from shortlist.features.partition import Band as Band
    from shortlist.project.interface import open as open
    from shortlist.ranking.catboost import CatBoost as CatBoost
    from shortlist.ranking.logistic_regression import LogisticRegression as LogisticRegression
    from shortlist.retrieval.als import ALS as ALS
    from shortlist.retrieval.bm25 import BM25 as BM25
    from shortlist.retrieval.ease import EASE as EASE
    from shortlist.retrieval.item_knn import ItemKNN as ItemKNN
    from shortlist.retrieval.popular import Popular as Popular
    from shortlist.retrieval.visual import Visual as Visual
    from shortlist.rules.already_seen import AlreadySeen as AlreadySeen
    from shortlist.rules.diversity import Diversity as Diversity
    from shortlist.rules.group import Group as Group
    from shortlist.rules.where import Where as Where
    from shortlist.system.contracts import Filter as Filter
    from shortlist.system.contracts import Order as Order
    from shortlist.system.contracts import Ranker as Ranker
    from shortlist.system.contracts import Source as Source
    from shortlist.system.entity import Category as Category
    from shortlist.system.entity import Entity as Entity
    from shortlist.system.entity import Image as Image
    from shortlist.system.entity import Number as Number
    from shortlist.system.entity import Tags as Tags
    from shortlist.system.entity import Text as Text
    from shortlist.system.entity import Time as Time
    from shortlist.system.entity import Vector as Vector
    from shortlist.system.entity import Year as Year
    from shortlist.system.event import Event as Event
    from shortlist.system.event import Label as Label
    from shortlist.system.event import Match as Match
    from shortlist.system.event import Objective as Objective
    from shortlist.system.features import Automatic as Automatic
    from shortlist.system.system import Requirements as Requirements
    from shortlist.system.system import System as System
    from shortlist.system.table import Sample as Sample
    from shortlist.system.table import SqlQuery as SqlQuery
    from shortlist.system.table import Table as Table
    from shortlist.vision.encoders.pretrained import EfficientNetLite0 as EfficientNetLite0
    from shortlist.vision.tuning.fine_tune import FineTune as FineTune

_HOME = {
    "DeclarationError": "base.errors",
    "ShortlistError": "base.errors",
    "open": "project.interface",
    "CatBoost": "ranking.catboost",
    "LogisticRegression": "ranking.logistic_regression",
    "ALS": "retrieval.als",
    "EASE": "retrieval.ease",
    "ItemKNN": "retrieval.item_knn",
    "Popular": "retrieval.popular",
    "Visual": "retrieval.visual",
    "BM25": "retrieval.bm25",
    "AlreadySeen": "rules.already_seen",
    "Diversity": "rules.diversity",
    "Group": "rules.group",
    "Where": "rules.where",
    "Filter": "system.contracts",
    "Order": "system.contracts",
    "Ranker": "system.contracts",
    "Source": "system.contracts",
    "Category": "system.entity",
    "Entity": "system.entity",
    "Image": "system.entity",
    "Number": "system.entity",
    "Tags": "system.entity",
    "Text": "system.entity",
    "Time": "system.entity",
    "Vector": "system.entity",
    "Year": "system.entity",
    "Event": "system.event",
    "Label": "system.event",
    "Match": "system.event",
    "Objective": "system.event",
    "Among": "features.kinds.shares",
    "FeastView": "features.kinds.feast",
    "Automatic": "system.features",
    "Band": "features.partition",
    "Count": "features.kinds.counts",
    "Decayed": "features.kinds.recency",
    "Distance": "features.kinds.profile",
    "Distinct": "features.kinds.counts",
    "Last": "features.kinds.recency",
    "Mean": "features.kinds.means",
    "Popularity": "features.kinds.profile",
    "Rate": "features.kinds.means",
    "Share": "features.kinds.shares",
    "Similarity": "features.kinds.profile",
    "Since": "features.kinds.recency",
    "Sum": "features.kinds.counts",
    "Context": "features.kinds.context",
    "ItemAttribute": "features.kinds.attributes",
    "Length": "features.kinds.attributes",
    "UserAttribute": "features.kinds.attributes",
    "EfficientNetLite0": "vision.encoders.pretrained",
    "FineTune": "vision.tuning.fine_tune",
    "Requirements": "system.system",
    "System": "system.system",
    "SqlQuery": "system.table",
    "Sample": "system.table",
    "Table": "system.table",
}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOME:
        from shortlist.base.suggest import did_you_mean

        raise AttributeError(f"shortlist has no {name!r}: {did_you_mean(name, _HOME)}")
    return getattr(import_module(f"shortlist.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
