"""Components for Shortlist: a source, a ranker, a filter and an order."""

from shortlist_extras.filter import Released
from shortlist_extras.order import MaxPer
from shortlist_extras.ranker import NaiveBayes
from shortlist_extras.source import SharedWords

__all__ = ["MaxPer", "NaiveBayes", "Released", "SharedWords"]
