"""Features: known values by hand, and the laws that keep training and serving alike."""

import numpy as np
import pytest

from shortlist.base.columns import DAY
from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.features.features import Features
from shortlist.testing.toy import ITEMS, toy_histories, toy_items, toy_queries

NOW = 61 * DAY


@pytest.fixture(scope="module")
def features():
    return Features.fit(toy_histories(), toy_items(), ["a", "b"])


def candidates(rows, items):
    scores = np.stack([items, -np.asarray(items)], axis=1).astype(np.float32)
    return Candidates(np.asarray(rows), np.asarray(items, np.int32), scores, scores > 0)


def table(features, queries, rows, items):
    values = features(queries, candidates(rows, items))
    return {name: values[:, place] for place, name in enumerate(features.names)}


def test_the_automatic_set(features):
    assert features.names == [
        "source_a", "source_b",
        "item_events", "item_events_30d", "item_value", "item_price",
        "user_events", "user_days_since_last", "user_value", "user_popularity", "user_popularity_lately",
        "colours_affinity", "colours_affinity_lately", "colours_value",
        "brand_affinity", "brand_affinity_lately", "brand_value",
        "price_distance", "price_distance_lately",
        "age_released",
    ]  # fmt: skip


def test_known_values(features):
    history = Histories.of([[1, 2, 21]], [[DAY, 2 * DAY, 51 * DAY]], [[5, 3, 1]])
    found = table(features, Queries(history, np.array([NOW])), [0, 0, 0], [4, 24, 7])
    counts = np.bincount(toy_histories().items, minlength=ITEMS)
    assert np.allclose(found["item_events"], np.log1p(counts[[4, 24, 7]]))
    assert np.allclose(found["user_events"], np.log1p(3))
    assert np.allclose(found["user_days_since_last"], np.log1p(10))
    assert np.allclose(found["user_value"], 3)
    # two of three are red; item 7 is red and shiny, and item 21 is shiny too
    assert np.allclose(found["colours_affinity"], [2 / 3, 1 / 3, (2 / 3 + 1 / 3) / 2])
    # red was valued 5 and 3 against a mean of 3, shrunk by three events of no opinion
    assert np.allclose(found["colours_value"][0], (2 + 0) / (2 + 3))
    assert np.allclose(found["price_distance"], np.array([4, 24, 7]) - 8)
    assert np.allclose(found["age_released"], [57, 37, 54])
    assert np.allclose(found["source_a"], [4, 24, 7])


def test_nobody_and_nothing_known_are_missing_not_zero(features):
    found = table(features, Queries(Histories.empty(1), np.array([NOW])), [0, 0], [0, 4])
    assert found["user_events"].tolist() == [0, 0]
    assert np.isnan(found["user_days_since_last"]).all()
    assert np.isnan(found["price_distance"]).all()
    assert np.isnan(found["item_price"][0])  # item 0 has no price
    assert np.isnan(found["brand_affinity"][0])  # and no brand


def test_batch_equals_single_and_candidates_are_isolated(features):
    queries = toy_queries(rows=8)
    rows = np.repeat(np.arange(8), 10)
    items = np.random.default_rng(0).integers(0, ITEMS, 80)
    together = features(queries, candidates(rows, items))
    for i in range(0, 80, 7):
        alone = features(queries.take(rows[i : i + 1]), candidates([0], items[i : i + 1]))
        assert np.allclose(alone[0], together[i], atol=1e-5, equal_nan=True)


def test_what_happens_after_the_question_changes_nothing(features):
    """A query carries its history up to its moment: later events cannot reach a feature."""
    histories = toy_histories()
    moments = np.full(len(histories), 30 * DAY)
    known = histories.before(moments)
    shuffled = Histories(
        histories.offsets,
        np.where(histories.at < 30 * DAY, histories.items, (histories.items + 7) % ITEMS).astype(np.int32),
        histories.at,
        histories.event,
        np.where(histories.at < 30 * DAY, histories.value, 1).astype(np.float32),
    ).before(moments)
    rows = np.repeat(np.arange(len(histories)), 3)
    asked = candidates(rows, np.tile([3, 17, 30], len(histories)))
    assert np.array_equal(
        features(Queries(known, moments), asked), features(Queries(shuffled, moments), asked), equal_nan=True
    )


def test_saves_and_loads(features, tmp_path):
    features.save(tmp_path)
    again = Features.load(tmp_path, toy_items())
    queries = toy_queries()
    asked = candidates([0, 1, 2], [3, 30, 12])
    assert again.names == features.names
    assert np.array_equal(again(queries, asked), features(queries, asked), equal_nan=True)


def test_no_candidates(features):
    assert features(toy_queries(), candidates(np.zeros(0, np.int64), np.zeros(0))).shape == (
        0,
        len(features.names),
    )
