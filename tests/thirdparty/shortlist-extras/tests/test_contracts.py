"""Every component keeps its contract."""

from shortlist_extras import MaxPer, NaiveBayes, Released, Repeats, SharedWords

from shortlist import Event
from shortlist.testing import FeatureContract, FilterContract, OrderContract, RankerContract, SourceContract


class TestSharedWords(SourceContract):
    source = SharedWords(on="colours")


class TestNaiveBayes(RankerContract):
    ranker = NaiveBayes()


class TestReleased(FilterContract):
    filter = Released()


class TestMaxPer(OrderContract):
    order = MaxPer(by="brand")


class TestRepeats(FeatureContract):
    event = Event("view", value="stars")
    features = (Repeats(event), Repeats(event, by="item"), Repeats(event, by="user", window="7d"))
