"""Attributes of users as features: known values, unknown users and words, and both readers."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist import (
    Automatic,
    Category,
    Count,
    DeclarationError,
    Entity,
    Event,
    LogisticRegression,
    Number,
    Objective,
    Popular,
    System,
    Table,
    Tags,
    Time,
    UserAttribute,
)
from shortlist.base.columns import DAY
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS, Users
from shortlist.features.feast_export import export
from shortlist.features.features import Features
from shortlist.features.parity import compare
from shortlist.features.table import described
from shortlist.pipeline.explain import explain
from shortlist.pipeline.pipeline import Pipeline
from shortlist.system.contracts import Examples, TrainingData, TrainingOptions
from shortlist.training.fit import fit_sources

views = Event("view")
USER = Entity(
    "user",
    Table("users.csv"),
    age=Number("age"),
    country=Category("country"),
    interests=Tags("interests"),
    joined=Time("joined"),
)
SYSTEM = System(
    name="shop",
    user=USER,
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[Popular()],
    rankers=[LogisticRegression()],
)
USERS = Users(
    pl.DataFrame(
        {
            "user": ["ann", "bob", "cid", "dee", "ed", "flo"],
            "age": [31.0, None, 50.0, 20.0, None, None],
            "country": ["DE", "FR", None, "DE", "DE", "FR"],
            "interests": [["jazz", "go"], ["go"], [], None, ["go", "jazz"], ["go"]],
            "joined": [0, DAY, None, 4 * DAY, None, None],
            "name": ["Ann", "Bob", "Cid", "Dee", "Ed", "Flo"],
        },
        schema_overrides={"joined": pl.Int64},
    )
)
ITEMS = Items(pl.DataFrame({"item": ["a", "b", "c"]}))
LOG = replace(
    Histories.from_lists([[0, 1], [1], [2], []], [[1, 2], [3], [4], []]),
    users=np.array(["ann", "bob", "cid", "dee"], object),
)
NOW = 10 * DAY
NAMES = [
    "user_age",
    "user_country=DE",
    "user_country=FR",
    "user_interests=go",
    "user_interests=jazz",
    "user_joined_age",
]


def fitted(*features, users=USERS):
    declared = replace(SYSTEM, features=features or [Automatic()])
    return Features.fit(declared, TrainingData(LOG, ITEMS, users=users))


def read(features, users, at=NOW):
    """The columns of users' attributes for each of ``users`` and the first item."""
    rows = np.arange(len(users) if users else 1)
    log = replace(Histories.empty(len(rows)), users=np.array(users, object) if users else None)
    scores = np.zeros((len(rows), 1), np.float32)
    candidates = Candidates(rows, np.zeros(len(rows), np.int32), scores, scores > 0)
    table = features(Queries(log, np.full(len(rows), at)), candidates).numeric
    return {
        name: [None if np.isnan(x) else x for x in table[:, features.names.index(name)].tolist()]
        for name in features.names
        if name in NAMES
    }


def test_the_automatic_set_has_them_and_their_values_are_right():
    features = fitted()
    assert [name for name in features.names if name in NAMES or "name" in name] == NAMES
    assert read(features, ["ann", "bob", "cid", "dee"]) == {
        "user_age": [31, None, 50, 20],
        "user_country=DE": [1, 0, None, 1],
        "user_country=FR": [0, 1, None, 0],
        "user_interests=go": [1, 1, None, None],
        "user_interests=jazz": [1, 0, None, None],
        "user_joined_age": [10, 9, None, 6],
    }


def test_an_unknown_user_and_no_user_have_all_of_them_missing():
    for users in (["eve"], None):
        assert read(fitted(), users) == {name: [None] for name in NAMES}


def test_a_word_that_training_has_not_met_is_none_of_the_columns(tmp_path):
    """In the table that serves there may be users, and words, that came after training."""
    fitted().save(tmp_path)
    later = pl.DataFrame({"user": ["eve"], "age": [1.0], "country": ["NZ"], "interests": [["go", "tea"]]})
    users = Users(pl.concat([USERS.table, later], how="diagonal"))
    loaded = Features.load(tmp_path, ITEMS, users, LOG)
    found = read(loaded, ["eve", "ann"])
    assert (found["user_country=DE"], found["user_country=FR"]) == ([0, 1], [0, 0])
    assert (found["user_interests=go"], found["user_interests=jazz"]) == ([1, 1], [0, 1])
    assert found["user_age"] == [1, 31]


def test_both_readers_give_the_same():
    features = fitted()
    users = ["ann", "eve", "cid", "ann"]
    assert read(features, users) == read(features.as_of(LOG), users)
    assert compare(features, LOG).difference is None


def test_a_batch_equals_single_rows():
    features, users = fitted(), ["bob", "eve", "ann", "dee"]
    together = read(features, users)
    for row, user in enumerate(users):
        assert {name: [column[row]] for name, column in together.items()} == read(features, [user])


def test_declared_alone():
    features = fitted(UserAttribute("country", max_categories=1), UserAttribute("age"), Count(views))
    assert features.names[1:] == ["user_country=DE", "user_age", "user_view_count"]


def test_the_table_of_features_and_explanations_show_them():
    columns = {each.name: each for each in described(fitted(), LOG)}
    assert (columns["user_age"].kind, columns["user_age"].owner) == ("UserAttribute", "user")
    assert columns["user_country=DE"].coverage == 0.0, "the newest event is cid's, whose country is missing"
    pipeline = replace(fit_sources(replace(SYSTEM, features=()), TrainingData(LOG, ITEMS)), features=fitted())
    pipeline = with_ranker(pipeline)
    (explanation,) = explain(
        pipeline, Queries(LOG.take(np.array([0])), np.array([NOW])), np.array([2], np.int32)
    )
    assert explanation.features["user_age"] == 31
    assert explanation.features["user_country=FR"] == 0
    assert "user_age" in explanation.contributions["viewed"]


def with_ranker(pipeline: Pipeline) -> Pipeline:
    rows, items = np.repeat(np.arange(4), 3), np.tile(np.arange(3, dtype=np.int32), 4)
    scores = np.zeros((12, 1), np.float32)
    inputs = pipeline.features(Queries(LOG, np.full(4, NOW)), Candidates(rows, items, scores, scores > 0))
    labels = (items[:, None] == 1).astype(np.float32)
    ranker = LogisticRegression().fit(Examples(inputs, labels, ("viewed",)), TrainingOptions())
    return replace(pipeline, ranker=ranker)


def test_they_are_exported_to_feast(tmp_path):
    exported = export(SYSTEM, fitted(), LOG, tmp_path / "repo")
    assert {"user_age", "user_country_DE", "user_joined_age"} <= set(exported.users)
    table = pl.read_parquet(tmp_path / "repo" / "data" / "user_features.parquet")
    assert table["user_age"].to_list() == [31, None, 50, 20]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: replace(SYSTEM, features=[UserAttribute("ages")]),
            "users have no attribute 'ages'; did you mean 'age'",
        ),
        (lambda: fitted(UserAttribute("age"), users=NO_USERS), "no attribute 'age'"),
        (lambda: UserAttribute("age", max_categories=0), "max_categories must be at least 1"),
        (lambda: replace(SYSTEM, features=[UserAttribute("age")] * 2), "the name 'user_age' is used 2 times"),
    ],
)
def test_problems_are_named(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()
