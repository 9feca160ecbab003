"""Categorical columns of the inputs of rankers: typed codes with the vocabularies of training, made when read."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist import Category, Entity, Event, Objective, Popular, System, Table, Tags, Text
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS, Users
from shortlist.features import categorical
from shortlist.features.features import Features
from shortlist.features.vocabulary import Vocabulary
from shortlist.system.contracts import TrainingData
from shortlist.system.event import Label

views = Event("view")
SYSTEM = System(
    name="shop",
    user=Entity("user", Table("users.csv"), country=Category("country"), interests=Tags("interests")),
    item=Entity(
        "item",
        Table("items.csv"),
        title="title",
        brand="brand",
        author=Category("author"),
        about=Text("about"),
        genres=Tags("genres"),
    ),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
)
ITEMS = Items(
    pl.DataFrame(
        {
            "item": ["a", "b", "c", "d", "e"],
            "title": ["same"] * 5,
            "brand": ["p", "q", "q", None, "q"],
            "author": ["1", "2", "3", "4", "5"],
            "about": ["words"] * 5,
            "genres": [["x"], ["x"], ["x"], ["x"], ["x"]],
            "price": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
)
USERS = Users(pl.DataFrame({"user": ["ann", "bob"], "country": ["DE", None], "interests": [["go"], ["go"]]}))
LOG = Histories.from_lists([[0, 1]])


def fitted():
    return Features.fit(SYSTEM, TrainingData(LOG, ITEMS, users=USERS))


def read(features, users, items):
    rows = np.arange(len(items))
    log = replace(Histories.empty(len(rows)), users=np.array(users, object) if users else None)
    scores = np.zeros((len(rows), 1), np.float32)
    candidates = Candidates(rows, np.array(items, np.int32), scores, scores > 0)
    return features(Queries(log, np.full(len(rows), 9)), candidates)


def words(column):
    return [column.vocabulary[code] if code >= 0 else None for code in column.codes]


def test_the_columns_are_the_categories_and_no_tags_and_no_texts():
    found = read(fitted(), ["ann", "bob", "eve"], [0, 3, 4]).categorical
    assert set(found) == {"item_brand", "item_author", "user_country"}
    assert found["item_brand"].vocabulary == ("q", "p"), "the most frequent first"
    assert words(found["item_brand"]) == ["p", None, "q"]
    assert words(found["item_author"]) == ["1", "4", "5"]
    assert words(found["user_country"]) == ["DE", None, None]
    assert {column.codes.dtype for column in found.values()} == {np.dtype(np.int32)}
    assert words(read(fitted(), None, [1]).categorical["user_country"]) == [None]


def test_as_of_a_past_moment_they_are_the_same():
    now, past = (read(each, ["ann"] * 5, range(5)).categorical for each in (fitted(), fitted().as_of(LOG)))
    assert all(words(now[name]) == words(past[name]) for name in now)


def test_vocabularies_are_those_of_training(tmp_path):
    fitted().save(tmp_path)
    table = ITEMS.table.with_columns(brand=pl.Series(["new", "q", "q", "p", "new"]))
    loaded = Features.load(tmp_path, Items(table), USERS, LOG)
    found = read(loaded, None, range(5)).categorical["item_brand"]
    assert found.vocabulary == ("q", "p")
    assert found.codes.tolist() == [-1, 0, 0, 1, -1]


@pytest.mark.parametrize("read_before", [True, False])
def test_new_items_have_codes(read_before):
    features = fitted()
    if read_before:
        assert len(read(features, None, [0]).categorical) == 3
    new = pl.DataFrame({"item": ["f", "g"], "brand": ["p", "unheard"]})
    items = ITEMS.with_new_items(pl.concat([ITEMS.table[:0], new], how="diagonal"))
    extended = features.with_new_items(items)
    found = read(extended, ["ann"] * 7, range(7)).categorical
    assert words(found["item_brand"]) == ["p", "q", "q", None, "q", "p", None]
    assert words(found["item_author"])[5:] == [None, None]
    assert words(found["user_country"]) == ["DE"] * 7
    assert words(read(features, None, range(5)).categorical["item_brand"]) == ["p", "q", "q", None, "q"]


def test_a_vocabulary_is_bounded_to_the_most_frequent(monkeypatch):
    monkeypatch.setattr(categorical, "VOCABULARY_SIZE", 1)
    found = read(fitted(), None, range(5)).categorical["item_brand"]
    assert found.vocabulary == ("q",)
    assert found.codes.tolist() == [-1, 0, 0, -1, 0]


def test_what_is_not_read_is_not_computed(monkeypatch):
    features = fitted()

    def computed(*_args):
        raise AssertionError("computed, though it is never read")

    with monkeypatch.context() as patch:
        patch.setattr(Vocabulary, "codes", computed)
        inputs = read(features, ["ann"], [0])
        features.with_new_items(ITEMS.with_new_items(ITEMS.table[:1].with_columns(item=pl.lit("f"))))
    assert words(inputs.categorical["item_brand"]) == ["p"]


def test_what_decides_a_label_is_no_feature():
    label = Label("good", pl.col("brand") == "q")
    data = TrainingData(LOG, ITEMS, NO_USERS, objectives=[label])
    features = Features.fit(SYSTEM, data)
    assert not [name for name in features.names if "brand" in name]
    assert "item_author" in read(features, None, [0]).categorical
    assert "item_brand" not in read(features, None, [0]).categorical


def test_a_system_without_categories_has_none():
    bare = replace(SYSTEM, item=Entity("item"), user=Entity("user"))
    plain = Features.fit(bare, TrainingData(LOG, Items(ITEMS.table.select("item", "price"))))
    assert read(plain, ["ann"], [0]).categorical == {}
