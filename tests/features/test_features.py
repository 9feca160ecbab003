"""Features: known values by hand, and the laws that keep training and serving alike."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist import (
    Automatic,
    Band,
    Count,
    DeclarationError,
    Distinct,
    Entity,
    Event,
    Objective,
    Popular,
    Rate,
    Share,
    System,
)
from shortlist.base.columns import DAY, HOUR
from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS
from shortlist.features.features import Features
from shortlist.features.parity import compare
from shortlist.features.readers.live import Live
from shortlist.system.contracts import TrainingData
from shortlist.testing.toy import ITEMS, toy_histories, toy_items, toy_queries

NOW = 61 * DAY
DATA = TrainingData(toy_histories(), toy_items())
views = Event("view", value="stars")
system = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular(name="a"), Popular(name="b")],
)


@pytest.fixture(scope="module")
def features():
    return Features.fit(system, DATA)


def candidates(rows, items):
    scores = np.stack([items, -np.asarray(items)], axis=1).astype(np.float32)
    return Candidates(np.asarray(rows), np.asarray(items, np.int32), scores, scores > 0)


def table(features, queries, rows, items):
    values = features(queries, candidates(rows, items)).numeric
    return {name: values[:, column] for column, name in enumerate(features.names)}


def test_the_automatic_set(features):
    assert features.names == [
        "source_a", "source_b",
        "item_price", "item_colours=blue", "item_colours=red", "item_colours=shiny",
        "item_brand=brand 0", "item_brand=brand 1", "item_brand=brand 2",
        "item_released_age", "hour", "weekday",
        "item_view_count", "item_view_count_30d", "item_view_mean",
        "user_view_count", "user_view_since", "user_view_mean",
        "user_view_popularity", "user_price_view_distance",
        "user_view_popularity_10e", "user_price_view_distance_10e",
        "user_colours_view_share", "user_colours_view_share_10e", "user_colours_view_mean",
        "user_brand_view_share", "user_brand_view_share_10e", "user_brand_view_mean",
    ]  # fmt: skip


def test_known_values(features):
    history = Histories.from_lists([[1, 2, 21]], [[DAY, 2 * DAY, 51 * DAY]], [[5, 3, 1]])
    found = table(features, Queries(history, np.array([NOW])), [0, 0, 0], [4, 24, 7])
    counts = np.bincount(toy_histories().items, minlength=ITEMS)
    assert found["item_view_count"].tolist() == counts[[4, 24, 7]].tolist()
    assert found["user_view_count"].tolist() == [3, 3, 3]
    assert found["user_view_since"].tolist() == [10, 10, 10]
    assert found["user_view_mean"].tolist() == [3, 3, 3]
    # two of three are red; item 7 is red and shiny, and item 21 is shiny too
    assert np.allclose(found["user_colours_view_share"], [2 / 3, 1 / 3, (2 / 3 + 1 / 3) / 2])
    # red was valued 5 and 3, and three events' worth of the user's mean of 3 are added
    assert np.allclose(found["user_colours_view_mean"][0], (5 + 3 + 3 * 3) / (2 + 3))
    assert np.allclose(found["user_price_view_distance"], np.array([4, 24, 7]) - 8)
    assert found["item_released_age"].tolist() == [57, 37, 54]
    assert found["source_a"].tolist() == [4, 24, 7]


def test_an_empty_history_and_missing_attributes_are_missing_not_zero(features):
    found = table(features, Queries(Histories.empty(1), np.array([NOW])), [0, 0], [0, 4])
    assert found["user_view_count"].tolist() == [0, 0]
    assert np.isnan(found["user_view_since"]).all()
    assert np.isnan(found["user_price_view_distance"]).all()
    assert np.isnan(found["item_price"][0])  # item 0 has no price
    assert np.isnan(found["user_brand_view_share"][0])  # and no brand


def test_now_equals_as_of_now(features):
    """What training reads at the end of the log is what serving reads there."""
    queries = replace(toy_queries(rows=8), at=np.full(8, toy_histories().at.max() + 1))
    rows = np.repeat(np.arange(8), 10)
    pairs = candidates(rows, np.random.default_rng(0).integers(0, ITEMS, 80))
    past = Features.fit(system, DATA).as_of(toy_histories())
    now = Features.fit(system, DATA)
    assert np.allclose(past(queries, pairs).numeric, now(queries, pairs).numeric, equal_nan=True)


def test_an_event_counts_at_once(features):
    fresh = Features.fit(system, DATA)
    queries = Queries(Histories.empty(1), np.array([NOW]))
    before = table(fresh, queries, [0], [4])["item_view_count"][0]
    fresh.live.add(
        np.array([4, 4]), np.array([NOW - 5, NOW + 9]), np.zeros(2, np.int16), np.array([4.0, 4.0])
    )
    assert (
        table(fresh, queries, [0], [4])["item_view_count"][0] == before + 1
    )  # the other has not happened yet
    later = Queries(Histories.empty(1), np.array([NOW + 10]))
    assert table(fresh, later, [0], [4])["item_view_count"][0] == before + 2


def test_batch_equals_single_and_candidates_are_isolated(features):
    queries = toy_queries(rows=8)
    rows = np.repeat(np.arange(8), 10)
    items = np.random.default_rng(0).integers(0, ITEMS, 80)
    together = features(queries, candidates(rows, items)).numeric
    for i in range(0, 80, 7):
        alone = features(queries.take(rows[i : i + 1]), candidates([0], items[i : i + 1])).numeric
        assert np.allclose(alone[0], together[i], atol=1e-5, equal_nan=True)


def test_what_happens_after_the_question_changes_nothing():
    """The leak proof over all features: change everything from the question on, and no value changes."""
    histories, moment = toy_histories(), 30 * DAY
    later = histories.at >= moment
    changed = Histories(
        histories.offsets,
        np.where(later, (histories.items + 7) % ITEMS, histories.items).astype(np.int32),
        histories.at,
        histories.event,
        np.where(later, 1, histories.value).astype(np.float32),
    )
    moments = np.full(len(histories), moment)
    pairs = candidates(np.repeat(np.arange(len(histories)), 3), np.tile([3, 17, 30], len(histories)))
    fitted = Features.fit(system, TrainingData(histories.before(moments), toy_items()))
    values = [
        fitted.as_of(log)(Queries(log.before(moments), moments), pairs).numeric
        for log in (histories, changed)
    ]
    assert np.array_equal(values[0], values[1], equal_nan=True)


def test_definitions_of_ones_own():
    orders = Event("order")
    declared = replace(
        system,
        events=[views, orders],
        features=[
            Rate(orders, over_event=views, by="item", smoothing=0),
            Count(views, by=("item", "hour")),
            Distinct(views, window="3e"),
            Share(orders, by=("user", "colours")),
        ],
    )
    histories = Histories(
        offsets=np.array([0, 5]),
        items=np.array([1, 1, 2, 1, 21], np.int32),
        at=np.array([1, 2, 3, 4, 5]) * DAY,
        event=np.array([0, 0, 0, 0, 1], np.int16),
        value=np.full(5, np.nan, np.float32),
    )
    fitted = Features.fit(declared, TrainingData(histories, toy_items()))
    assert fitted.names[2:] == [
        "item_order_rate", "item_hour_view_count", "user_view_distinct_3e", "user_colours_order_share",
    ]  # fmt: skip
    found = table(fitted, Queries(histories, np.array([6 * DAY])), [0, 0], [1, 30])
    assert found["item_order_rate"][0] == 0
    assert found["item_hour_view_count"].tolist() == [3, 0]  # all at midnight
    assert found["user_view_distinct_3e"].tolist() == [2, 2]
    assert found["user_colours_order_share"].tolist() == [0, 1]  # the one order was blue and shiny
    noon = Queries(histories, np.array([6 * DAY + 12 * HOUR]))
    assert table(fitted, noon, [0], [1])["item_hour_view_count"][0] == 0


def test_own_definitions_extend_the_automatic_set():
    extended = replace(system, features=[Automatic(), Count(views, by="item", window="1d")])
    names = Features.fit(extended, DATA).names
    assert "item_view_count_1d" in names
    assert "user_brand_view_share" in names


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Count(views, by="cart"), "by starts with 'user' or 'item'"),
        (lambda: Count(views, by=("item", Band("price"))), "divided by a context, not by a band"),
        (lambda: replace(system, features=[Count(views, by=("item", "hours"))]), "did you mean 'hour'"),
        (lambda: Count(views, by="item", window="10e"), "a window of events needs a user's history"),
        (lambda: Count(views, window="soon"), "no duration"),
        (lambda: replace(system, features=[Count(Event("order"))]), "which is not in events"),
        (lambda: replace(system, features=["count"]), "which is no Definition"),
        (
            lambda: Features.fit(replace(system, features=[Share(views, by=("user", "colour"))]), DATA),
            "did you mean 'colours'",
        ),
    ],
)
def test_invalid_definitions_are_refused(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


def test_saves_and_loads(features, tmp_path):
    features.save(tmp_path)
    again = Features.load(tmp_path, toy_items(), NO_USERS, toy_histories())
    queries = toy_queries()
    pairs = candidates([0, 1, 2], [3, 30, 12])
    assert again.names == features.names
    assert np.array_equal(again(queries, pairs).numeric, features(queries, pairs).numeric, equal_nan=True)


def test_no_candidates(features):
    assert features(toy_queries(), candidates(np.zeros(0, np.int64), np.zeros(0))).numeric.shape == (
        0,
        len(features.names),
    )


def test_parity_of_a_log(features):
    found = compare(features, toy_histories())
    assert found.difference is None
    assert found.values >= found.moments * ITEMS * len(features.names), "every feature, of users too"


def test_parity_names_the_first_difference(features, monkeypatch):
    """A reader that forgets every second event is caught, with item, time and both values."""
    honest = Live.add
    monkeypatch.setattr(
        Live,
        "add",
        lambda self, keys, at, value, users: honest(self, keys[::2], at[::2], value[::2], users[::2]),
    )
    difference = compare(features, toy_histories()).difference
    assert difference is not None
    assert difference.feature == "item_view_count"
    assert difference.as_of > difference.now
    assert "as of then" in str(difference)
