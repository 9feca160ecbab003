"""New items: arrays are appended to, readers are shared, nothing is replayed, and what was learned is frozen."""

from dataclasses import replace
from threading import Thread

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist import (
    Among,
    Automatic,
    Band,
    Count,
    Distinct,
    Entity,
    Event,
    Objective,
    Popular,
    Share,
    System,
)
from shortlist.base.columns import DAY, HOUR
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS
from shortlist.features.features import Features
from shortlist.features.readers.item_readers import LiveItems
from shortlist.features.readers.live import Live
from shortlist.features.readers.timeline import Timeline
from shortlist.features.vocabulary import Vocabulary
from shortlist.system.contracts import TrainingData

NOW = 20 * DAY
views = Event("view", value="stars")
SYSTEM = System(
    name="shop",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
    features=[
        Automatic(),
        Distinct(views, by="item", window="7d"),
        Count(views, by=("item", "hour")),
        Count(views, by=("user", "item")),
        Share(views, by=("user", Band("price", 2))),
        Among(views, by=("user", "brand")),
    ],
)
TABLE = pl.DataFrame(
    {
        "item": ["a", "b", "c", "d"],
        "genres": [["x"], ["x", "y"], ["y"], None],
        "brand": ["p", "p", "q", "p"],
        "about": ["long text", None, "b", "words"],
        "price": [1.0, 2.0, None, 9.0],
        "released": [0, DAY, None, 3 * DAY],
        "look": [[1.0, 0.0], [0.0, 1.0], None, [1.0, 1.0]],
    },
    schema_overrides={"released": pl.Int64, "look": pl.List(pl.Float32)},
)
NEW = pl.DataFrame(
    {
        "item": ["e", "f", "g"],
        "genres": [["x", "unheard"], ["unheard"], None],
        "brand": ["q", "unheard", None],
        "about": ["new", None, None],
        "price": [1.5, 1e9, None],
        "released": [19 * DAY, None, None],
        "look": [[0.0, 2.0], [1.0, 2.0, 3.0], None],
    },
    schema_overrides={"released": pl.Int64, "look": pl.List(pl.Float32)},
)
LOG = replace(
    Histories.from_lists(
        [[0, 1, 2], [1, 3]], [[DAY, 2 * DAY, 15 * DAY], [18 * DAY, 19 * DAY]], [[5, 3, 1], [2, 4]]
    ),
    users=np.array(["ann", "bob"]),
)
# of each user, and of one without a history: at, item, value
OWN_EVENTS = [[c[a:b].tolist() for c in (LOG.at, LOG.items, LOG.value)] for a, b in ((0, 3), (3, 5), (0, 0))]


def fitted():
    return Features.fit(SYSTEM, TrainingData(LOG, Items(TABLE)))


def extended(count):
    return Items(pl.concat([TABLE, NEW[:count]]))


def values(features, count=None, at=NOW):
    """Every feature of the first ``count`` items for both users, {name: [users][items]}."""
    count = len(features.items) if count is None else count
    rows, items = np.repeat(np.arange(2), count), np.tile(np.arange(count, dtype=np.int32), 2)
    scores = np.zeros((len(rows), 1), np.float32)
    queries = Queries(LOG, np.full(2, at))
    table = features(queries, Candidates(rows, items, scores, scores > 0)).numeric
    return {name: column.reshape(2, count) for name, column in zip(features.names, table.T, strict=True)}


def same(some, other):
    return all(np.array_equal(some[name], other[name], equal_nan=True) for name in some)


def test_old_items_keep_their_values_in_old_features_and_new_ones():
    features = fitted()
    before = values(features)
    larger = features.with_new_items(extended(3))
    assert larger.names == features.names
    assert same(values(features), before)
    assert same(values(larger, 4), before)


def test_unseen_words_are_unknown_and_seen_ones_count():
    found = {name: column[0, 4:] for name, column in values(fitted().with_new_items(extended(3))).items()}

    def shown(name):
        return [None if np.isnan(x) else round(float(x), 3) for x in found[name]]

    assert not [name for name in found if "unheard" in name]
    assert shown("item_genres=x") == [
        1,
        0,
        None,
    ]  # words that are not met in training are none of the columns
    assert shown("item_brand=p") == [0, 0, None]
    assert shown("user_genres_view_share") == [round(2 / 3, 3), None, None]
    assert shown("user_brand_view_among") == [1, None, None]
    assert shown("user_price_band_view_share") == [round(1 / 3, 3), round(1 / 3, 3), None]
    assert shown("item_price") == [1.5, 1e9, None]
    assert shown("item_released_age") == [1, None, None]
    assert shown("user_look_view_similarity") == [
        round(0.5**0.5, 3),
        None,
        None,
    ]  # the second is of another length
    assert shown("item_view_count") == [0, 0, 0]
    assert shown("user_item_view_count") == [0, 0, 0]


def test_events_on_new_items_count_from_then_on_for_all_who_share_the_readers():
    features = fitted()
    larger = features.with_new_items(extended(2))
    assert larger.live is features.live
    larger.live.add(
        np.array([4, 0]),
        np.full(2, NOW - HOUR),
        np.zeros(2, np.int16),
        np.array([2.0, 2.0]),
        users=np.array([0, 1]),
    )
    assert values(larger)["item_view_count"][0].tolist() == [2, 2, 1, 1, 1, 0]
    assert values(larger)["item_view_distinct_7d"][0].tolist() == [1, 1, 1, 1, 1, 0]
    assert values(larger)["item_hour_view_count"][0, 4] == 0
    assert values(larger, at=NOW + 23 * HOUR)["item_hour_view_count"][0, 4] == 1
    assert values(features)["item_view_count"][0].tolist() == [2, 2, 1, 1], "both see what happens since"


def test_the_history_of_a_user_may_hold_new_items():
    larger = fitted().with_new_items(extended(3))
    history = Histories.from_lists([[4, 5, 6]], [[NOW - 3, NOW - 2, NOW - 1]], [[1, 2, 3]])
    rows, scores = np.zeros(7, np.int64), np.zeros((7, 1), np.float32)
    everything = Candidates(rows, np.arange(7, dtype=np.int32), scores, scores > 0)
    table = larger(Queries(history, np.array([NOW])), everything).numeric
    found = dict(zip(larger.names, table.T, strict=True))
    assert found["user_item_view_count"].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert found["user_genres_view_share"][0] == pytest.approx(1 / 3)
    assert found["user_view_popularity"][0] == 0, "training had no event on any of them"


def test_nothing_is_replayed_or_computed_again(monkeypatch):
    features = fitted()
    encoded, read = [], []
    honest_encode, honest_value = Vocabulary.encode, Count.value

    def replayed(*_args, **_options):
        raise AssertionError("history is read again")

    def encode(self, column):
        encoded.append(len(column))
        return honest_encode(self, column)

    def value(self, of, keys, t, prior):
        read.append(len(keys))
        return honest_value(self, of, keys, t, prior)

    for owner, name in (
        (Live, "add"),
        (LiveItems, "add"),
        (LiveItems, "add_histories"),
        (Timeline, "__init__"),
    ):
        monkeypatch.setattr(owner, name, replayed)
    monkeypatch.setattr(Vocabulary, "encode", encode)
    monkeypatch.setattr(Vocabulary, "learn", replayed)
    monkeypatch.setattr(Count, "value", value)
    features.with_new_items(extended(1)).with_new_items(extended(3))
    assert set(encoded) == {1, 2}, "only what is new"
    assert set(read) == {1, 2}


def test_two_catalogues_from_the_same_features_do_not_mix_attributes():
    features = fitted()
    one, two = (features.with_new_items(Items(pl.concat([TABLE, NEW[n : n + 1]]))) for n in (0, 1))
    assert values(one)["item_price"][0, 4] == 1.5
    assert values(two)["item_price"][0, 4] == np.float32(1e9)


def test_requests_go_on_while_the_catalogue_grows():
    features = fitted()
    before, wrong, done = values(features), [], []

    def read_values():
        while not done:
            if not same(values(features), before):
                wrong.append("a value changed")

    threads = [Thread(target=read_values) for _ in range(3)]
    for thread in threads:
        thread.start()
    larger = features
    try:
        for count in range(1, 60):
            rows = pl.concat([NEW[:1].with_columns(item=pl.lit(f"n{n}")) for n in range(count)])
            larger = larger.with_new_items(Items(pl.concat([TABLE, rows])))
            larger.live.add(
                np.array([3 + count]),
                np.array([NOW - 1]),
                np.zeros(1, np.int16),
                np.ones(1),
                users=np.zeros(1, int),
            )
            values(larger)
    finally:
        done.append(True)
        for thread in threads:
            thread.join()
    assert not wrong
    assert values(larger)["item_view_count"][0].tolist() == [1, 2, 1, 1, *[1] * 59]


steps = st.lists(
    st.one_of(
        st.integers(1, 3).map(lambda count: ("grow", count)),
        st.tuples(
            st.just("event"),
            st.tuples(st.integers(0, 6), st.sampled_from([0, HOUR, DAY, 8 * DAY]), st.integers(0, 2)),
        ),
        st.just(("read", None)),
    ),
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_growing_in_any_steps_equals_growing_at_once_and_the_reader_of_the_past(taken):
    """Events in between: the live readers of a catalogue that grew are those of one that was always so long."""
    at_once = fitted().with_new_items(extended(3))
    larger, happened = fitted(), []
    for what, step in taken:
        if what == "grow" and step > len(larger.items) - 4:
            larger = larger.with_new_items(extended(step))
        elif what == "event" and step[0] < len(larger.items):
            item, before, user = step
            happened.append((item, NOW - 1 - before, user))
            event = (np.array([item]), np.array([NOW - 1 - before]), np.zeros(1, np.int16), np.array([3.0]))
            for each in (larger, at_once):
                each.live.add(*event, users=np.array([user]))
        elif what == "read":
            values(larger)
    larger = larger.with_new_items(extended(3))
    now = values(larger)
    assert same(now, values(at_once))
    rows = [
        sorted([*before, *((at, item, 3.0) for item, at, user in happened if user == row)])
        for row, before in enumerate([[*zip(*each, strict=True)] for each in OWN_EVENTS])
    ]
    log = Histories.from_lists(*([[event[n] for event in row] for row in rows] for n in (1, 0, 2)))
    past = values(larger.as_of(log))
    for name in now:
        assert np.allclose(past[name], now[name], rtol=1e-6, equal_nan=True), name


def test_a_release_keeps_what_was_learned(tmp_path):
    features = fitted()
    features.save(tmp_path)
    loaded = Features.load(tmp_path, Items(TABLE), NO_USERS, LOG)
    assert same(values(loaded.with_new_items(extended(3))), values(features.with_new_items(extended(3))))
    assert isinstance(loaded.facts.definitions[0], type(features.facts.definitions[0]))
