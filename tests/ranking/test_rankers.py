"""Every built-in ranker passes the contract suite."""

from shortlist import CatBoost, LogisticRegression
from shortlist.testing.rankers import RankerContract


class TestLogisticRegression(RankerContract):
    ranker = LogisticRegression()


class TestCatBoost(RankerContract):
    ranker = CatBoost(epochs=60)
