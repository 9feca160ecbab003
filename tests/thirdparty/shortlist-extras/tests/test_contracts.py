"""Every component keeps its contract."""

from shortlist_extras import MaxPer, NaiveBayes, Released, SharedWords

from shortlist.testing import FilterContract, OrderContract, RankerContract, SourceContract


class TestSharedWords(SourceContract):
    source = SharedWords(on="colours")


class TestNaiveBayes(RankerContract):
    ranker = NaiveBayes()


class TestReleased(FilterContract):
    filter = Released()


class TestMaxPer(OrderContract):
    order = MaxPer(by="brand")


# A feature kind of this package goes into src/shortlist_extras/feature.py, and its contract suite here.
