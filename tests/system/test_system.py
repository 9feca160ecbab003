"""Declarations: what fits together, and the messages when it does not."""

import dataclasses

import polars as pl
import pytest

from shortlist import (
    ALS,
    EASE,
    AlreadySeen,
    Category,
    DeclarationError,
    Diversity,
    Entity,
    Event,
    ItemAttribute,
    Label,
    LogisticRegression,
    Match,
    Objective,
    Popular,
    Requirements,
    System,
    Table,
    Tags,
    Text,
    Where,
)
from shortlist.base.errors import ReleaseError
from shortlist.system.contracts import Source
from shortlist.system.serialization import from_data, to_data

ratings = Event("rating", Table("ratings.csv"), value="rating")


def system(**changes):
    parameters = {
        "name": "movies",
        "user": Entity("user"),
        "item": Entity("item"),
        "events": [ratings],
        "objectives": [Objective("liked", ratings, pl.col("value") >= 4)],
        "sources": [EASE(), Popular()],
        "rankers": [LogisticRegression()],
        "filters": [AlreadySeen()],
    }
    return System(**(parameters | changes))


def test_a_good_system():
    assert system().seed == 0


def test_every_problem_is_reported_at_once():
    undeclared = Event("view")
    with pytest.raises(DeclarationError) as caught:
        system(
            name="My Movies",
            objectives=[Objective("seen", undeclared), Objective("seen", ratings)],
            sources=[],
            rankers=[EASE()],
        )
    message = str(caught.value)
    assert len(caught.value.problems) == 5
    for part in (
        "'My Movies'",
        "filters shape slates",
        "no Ranker",
        "'view', which is not in events",
        "'seen' is used 2 times",
    ):
        assert part in message


def label_system(**changes):
    declared = {
        "name": "posts",
        "item": Entity("post", Table("posts.csv"), text=Text("text"), verdict=Category("verdict")),
        "objectives": [Label("hateful", pl.col("verdict") == "hate")],
        "rankers": [LogisticRegression()],
    }
    return System(**(declared | changes))


def test_a_system_without_sources_predicts():
    assert system(sources=[], filters=[]).sources == []
    assert label_system().user is None


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: system(sources=[], rankers=[], filters=[]), "sources and rankers are both empty"),
        (lambda: system(sources=[]), "filters shape slates, and a system without sources makes none"),
        (lambda: system(sources=[], filters=[], order=[Diversity(by="genres")]), "order shape slates"),
        (
            lambda: label_system(objectives=[Match("same", by="verdict")]),
            "'same' is a Match, which is searched for: name a source",
        ),
        (lambda: label_system(sources=[Popular()]), "'hateful' is a Label, .* remove the sources"),
        (lambda: label_system(user=Entity("user")), "remove user and events"),
        (lambda: label_system(objectives=[]), "objectives is empty"),
        (lambda: label_system(objectives=[Label("old", pl.col("age") > 3)]), "items have no attribute 'age'"),
        (
            lambda: label_system(features=[ItemAttribute("verdict")]),
            "reads 'verdict', which decides the label 'hateful': remove the feature",
        ),
        (
            lambda: label_system(
                objectives=[Label("hateful", pl.col("verdict") == "hate"), Match("same", by="verdict")]
            ),
            "not of several kinds",
        ),
        (
            lambda: label_system(objectives=[Objective("liked", ratings)]),
            "events is empty: declare the events",
        ),
    ],
)
def test_contradictions_say_what_to_do(declare, message):
    with pytest.raises(DeclarationError, match=message):
        declare()


def test_two_components_of_one_kind_need_names():
    with pytest.raises(DeclarationError, match="'popular' is used 2 times; give each its own with name="):
        system(sources=[Popular(), Popular(window="7d")])
    assert system(sources=[Popular(), Popular(name="lately", window="7d")])


def test_an_objective_reads_only_value_and_time():
    with pytest.raises(DeclarationError, match="reads 'rating'"):
        Objective("liked", ratings, pl.col("rating") >= 4)
    silent = Event("view", Table("views.csv"))
    with pytest.raises(DeclarationError, match="has no value column"):
        system(events=[silent], objectives=[Objective("liked", silent, pl.col("value") >= 4)])


def test_attributes_need_a_table():
    with pytest.raises(DeclarationError, match="no table to read them from"):
        Entity("item", genres=Tags("genres"))


def test_requirements_are_positive():
    with pytest.raises(DeclarationError, match="latency_ms must be above 0"):
        Requirements(latency_ms=0)
    with pytest.raises(DeclarationError, match="no duration"):
        Requirements(freshness="daily")


def test_components_are_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EASE().regularization = 3
    with pytest.raises(TypeError):
        EASE(300)
    with pytest.raises(TypeError, match="unexpected keyword"):
        EASE(regularisation=300)


def test_names_come_from_classes():
    assert [part().name for part in (EASE, ALS, AlreadySeen, LogisticRegression)] == [
        "ease",
        "als",
        "already_seen",
        "logistic_regression",
    ]


@pytest.mark.parametrize(
    "component", [ALS(embedding_size=8), Diversity(by="genres"), Where(condition=pl.col("a") > 1)]
)
def test_components_survive_as_data(component):
    assert to_data(from_data(to_data(component), type(component))) == to_data(component)


@pytest.mark.parametrize(
    "path", ["os:system", "nothing.here:Thing", "shortlist.rules.where:Nothing", "nonsense"]
)
def test_data_cannot_name_what_is_no_component(path):
    with pytest.raises(ReleaseError):
        from_data({"class": path, "parameters": {}}, Source)


def test_data_with_foreign_parameters_is_refused():
    with pytest.raises(ReleaseError, match="other parameters"):
        from_data({"class": "shortlist.retrieval.ease:EASE", "parameters": {"colour": 3}}, Source)
