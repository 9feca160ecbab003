"""Replaying all models at once gives the lists that each pipeline gives alone."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist import (
    EASE,
    AlreadySeen,
    Diversity,
    Entity,
    Event,
    ItemKNN,
    LogisticRegression,
    Objective,
    Popular,
    System,
)
from shortlist.base.progress import Step
from shortlist.base.queries import Ragged
from shortlist.evaluation.replay import ALL_SOURCES, EvaluationSet, replay
from shortlist.testing.toy import toy_histories, toy_items, toy_queries
from shortlist.training.fit import fit

views = Event("view", value="v")
system = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views)],
    sources=[EASE(regularization=20, quota=3), ItemKNN(quota=4), Popular(quota=2)],
    rankers=[LogisticRegression(), LogisticRegression(name="strict", regularization=100)],
    filters=[AlreadySeen()],
    order=[Diversity(by="colours")],
)


class Counted(Step):
    done = 0.0

    def advance(self, amount=1.0):
        self.done += amount


@pytest.fixture(scope="module")
def trained():
    return fit(system, toy_items(), toy_histories())


@pytest.mark.parametrize("n", [2, 20, 50])
def test_lists_are_those_of_the_whole_pipeline(trained, n, monkeypatch):
    monkeypatch.setattr("shortlist.evaluation.replay.QUERY_BLOCK", 5)
    queries = toy_queries()
    evaluated_on = EvaluationSet(np.arange(len(queries)), queries, Ragged.from_lists([[]] * len(queries)))
    past = trained.retrieval.as_of(toy_histories())
    step = Counted()
    replayed = replay(
        past, {name: each.ranker for name, each in trained.rankers.items()}, evaluated_on, step, n
    )
    assert step.done == len(queries)
    alone = {slot.name: replace(past, sources=(slot,), order=()) for slot in past.sources}
    for name, pipeline in alone.items():
        assert_same(replayed.sources[name], pipeline.recommend(queries, n))
    for name, pipeline in trained.rankers.items():
        assert_same(replayed.rankers[name], pipeline.as_of(toy_histories()).recommend(queries, n))
    assert set(replayed.retrieved) == {"ease", "item_knn", "popular", ALL_SOURCES}


def test_without_rankers_the_fusion_is_replayed(trained):
    queries = toy_queries()
    evaluated_on = EvaluationSet(np.arange(len(queries)), queries, Ragged.from_lists([[]] * len(queries)))
    replayed = replay(trained.retrieval, {"fused": None}, evaluated_on, Step())
    assert_same(replayed.rankers["fused"], trained.retrieval.recommend(queries, 20))


def assert_same(lists, slates):
    assert np.array_equal(lists.rows, slates.rows)
    assert np.array_equal(lists.items, slates.items)
    assert np.allclose(lists.scores, slates.values, rtol=0, atol=0)
