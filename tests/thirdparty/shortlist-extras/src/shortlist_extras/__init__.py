"""Components for Shortlist: a source, a ranker, a filter, an order and a kind of feature."""

from shortlist_extras.feature import Repeats
from shortlist_extras.filter import Released
from shortlist_extras.order import MaxPer
from shortlist_extras.ranker import NaiveBayes
from shortlist_extras.source import SharedWords

__all__ = ["MaxPer", "NaiveBayes", "Released", "Repeats", "SharedWords"]
