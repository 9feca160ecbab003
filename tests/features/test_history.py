"""Features of a history and a candidate, against values computed by hand."""

import numpy as np
import polars as pl
import pytest

from shortlist import (
    Among,
    Band,
    Count,
    Distance,
    Distinct,
    Entity,
    Event,
    Objective,
    Popular,
    Popularity,
    Share,
    Similarity,
    Since,
    System,
)
from shortlist.base.columns import DAY
from shortlist.base.contexts import Contexts
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.features.features import Features
from shortlist.system.contracts import TrainingData

NOW = 20 * DAY
views = Event("view", context={"device": "device"})
orders = Event("order")
ITEMS = Items(
    pl.DataFrame(
        {
            "item": ["a", "b", "c", "d", "e", "f"],
            "genres": [["x", "y"], ["x"], ["y"], ["z"], None, ["x", "z"]],
            "price": [1.0, 2.0, 3.0, 40.0, 50.0, None],
            "look": [[1.0, 0.0], [0.0, 2.0], [3.0, 4.0], [-1.0, 0.0], None, [0.0, 0.0]],
        }
    )
)
CONTEXTS = Contexts({"device": ("mobile", "tv")})
# one user: views of a, b, a and d on the days 1, 2, 15 and 19, an order of c on day 3
LOG = Histories(
    offsets=np.array([0, 5]),
    items=np.array([0, 1, 2, 0, 3], np.int32),
    at=np.array([1, 2, 3, 15, 19]) * DAY,
    event=np.array([0, 0, 1, 0, 0], np.int16),
    value=np.full(5, np.nan, np.float32),
    context=np.array([[0], [1], [-1], [0], [-1]], np.int16),
)


def read(feature, device=None, at=NOW):
    """The feature of every item, as of training and as of serving, which must agree."""
    system = System(
        name="shop",
        user=Entity("user"),
        item=Entity("item"),
        events=[views, orders],
        objectives=[Objective("viewed", views)],
        sources=[Popular()],
        features=[feature],
    )
    features = Features.fit(system, TrainingData(LOG, ITEMS, contexts=CONTEXTS))
    scores = np.zeros((len(ITEMS), 1), np.float32)
    everything = Candidates(np.zeros(6, np.int64), np.arange(6, dtype=np.int32), scores, scores > 0)
    moments = np.array([at])
    queries = Queries(LOG.before(moments), moments, CONTEXTS.codes([device and {"device": device}]))
    past = features.as_of(LOG)(queries, everything).numeric[:, 1]
    if at == NOW:
        assert np.array_equal(past, features(queries, everything).numeric[:, 1], equal_nan=True)
    return [None if np.isnan(x) else pytest.approx(x, rel=1e-6) for x in past.tolist()]


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        (Among(views, by=("user", "genres"), window="1e"), [0, 0, 0, 1, None, 1 / 2]),
        (Among(orders, by=("user", "genres")), [1 / 2, 0, 1, 0, None, 0]),
        (Among(views, by=("user", "item"), window="2e"), [1, 0, 0, 1, 0, 0]),
        (Count(views, by=("user", "item")), [2, 1, 0, 1, 0, 0]),
        (Since(views, by=("user", "item")), [5, 18, None, 1, None, None]),
        # a, b; c; d, e are the thirds
        (Share(views, by=("user", Band("price", 3))), [3 / 4, 3 / 4, 0, 1 / 4, 1 / 4, None]),
        (Distinct(views, by="user"), [3] * 6),
        (Distinct(views, by="user", window="2e"), [2] * 6),
        (Distinct(views, by=("user", "genres")), [(2 + 1) / 2, 2, 1, 1, None, (2 + 1) / 2]),
        (
            Distance(views, by=("user", "price"), window="2e"),
            [1 - 20.5, 2 - 20.5, 3 - 20.5, 19.5, 29.5, None],
        ),
        (Distance(orders, by=("user", "price")), [-2, -1, 0, 37, 47, None]),
        (Popularity(orders), [np.log(2)] * 6),
        (Similarity(orders, by=("user", "look")), [0.6, 0.8, 1, -0.6, None, None]),
        (Similarity(views, by=("user", "look"), window="2e"), [None] * 6),  # they cancel each other out
        (Distinct(views, by="item"), [1, 1, 0, 1, 0, 0]),
        (Count(views, by=("item", "weekday")), [0, 0, 0, 0, 0, 0]),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_known_values(feature, values):
    assert read(feature) == values


def test_an_item_in_the_askers_context():
    feature = Count(views, by=("item", "device"))
    assert read(feature, "mobile") == [2, 0, 0, 0, 0, 0]
    assert read(feature, "tv") == [0, 1, 0, 0, 0, 0]
    assert read(feature, "fridge") == [None] * 6
    assert read(feature) == [None] * 6
    assert read(Count(views, by=("item", "device"), window="7d"), "mobile") == [1, 0, 0, 0, 0, 0]


def test_what_happens_later_is_not_seen():
    assert read(Among(views, by=("user", "item")), at=15 * DAY) == [1, 1, 0, 0, 0, 0]
    assert read(Count(views, by=("item", "device")), "mobile", at=15 * DAY) == [1, 0, 0, 0, 0, 0]
    assert read(Similarity(views, by=("user", "look")), at=2 * DAY) == [1, 0, 0.6, -1, None, None]
