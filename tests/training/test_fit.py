"""Training: examples as the pipeline would have seen them, and nothing from the future."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from shortlist import (
    ALS,
    EASE,
    AlreadySeen,
    Entity,
    Event,
    ItemKNN,
    LogisticRegression,
    Objective,
    Popular,
    System,
)
from shortlist.base.columns import DAY
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.data.splits import by_share
from shortlist.testing.toy import ITEMS, toy_data, toy_histories, toy_items
from shortlist.training.evaluate import evaluate
from shortlist.training.examples import build_examples, whole
from shortlist.training.fit import fit, fit_sources
from shortlist.training.sample_users import sample_users
from shortlist.training.train_test_task import of_users

views = Event("view", value="v")
system = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views), Objective("liked", views, pl.col("value") >= 4)],
    sources=[EASE(regularization=20, quota=12), ItemKNN(quota=12), Popular(quota=6)],
    rankers=[LogisticRegression()],
    filters=[AlreadySeen()],
)


def test_examples_are_the_pipelines_own_candidates():
    split = by_share(toy_histories())
    pipeline = fit_sources(system, toy_data(split.train))
    examples = build_examples(system, pipeline, of_users(system, toy_data(), split))
    features, labels, names = examples.inputs.numeric, examples.labels, examples.inputs.names
    assert features.shape == (len(labels), len(names))
    assert labels.shape[1] == 2
    assert set(np.unique(labels)) == {0.0, 1.0}
    assert (labels[:, 1] <= labels[:, 0]).all()  # whoever liked it viewed it
    # every positive is something that was retrieved and done later; retrieval misses some
    assert 0 < labels[:, 0].sum() <= len(split.test.items)


def test_examples_have_queries_groups_and_a_validation_part():
    split = by_share(toy_histories())
    pipeline = fit_sources(system, toy_data(split.train))
    task = of_users(system, toy_data(), split)
    examples = build_examples(system, pipeline, task)
    assert examples.validation is None  # of 120 queries, a twentieth is too few to measure on
    queries = examples.inputs.queries
    assert len(queries) == examples.groups[-1] + 1
    assert (np.diff(examples.groups) >= 0).all()
    rows = np.flatnonzero(np.diff(task.positives.offsets) > 0)
    assert np.array_equal(queries.histories.items, task.queries(rows).histories.items)
    for column in examples.inputs.categorical.values():
        assert len(column.codes) == len(examples)
        assert column.codes.max() < len(column.vocabulary)


def test_a_validation_part_shares_no_query(monkeypatch):
    monkeypatch.setattr("shortlist.training.examples.MIN_VALIDATION", 3)
    split = by_share(toy_histories())
    pipeline = fit_sources(system, toy_data(split.train))
    task = of_users(system, toy_data(), split)
    examples = build_examples(system, pipeline, task)
    held_out = examples.validation
    users = {part.inputs.queries.histories.items.tobytes() for part in (examples, held_out)}
    assert len(users) == 2
    count = len(examples.inputs.queries) + len(held_out.inputs.queries)
    assert count == (np.diff(task.positives.offsets) > 0).sum()
    assert len(held_out.inputs.queries) == round(0.05 * count)
    assert held_out.inputs.names == examples.inputs.names
    everything = whole(examples)
    assert everything.validation is None
    assert len(everything) == len(examples) + len(held_out)
    assert len(everything.inputs.queries) == count
    assert everything.groups[-1] == count - 1
    assert (np.diff(everything.groups) >= 0).all()
    last = everything.groups >= len(examples.inputs.queries)
    assert np.array_equal(everything.labels[last], held_out.labels)
    assert np.array_equal(everything.inputs.numeric[last], held_out.inputs.numeric, equal_nan=True)


def test_sources_get_what_came_next_only_for_the_examples_of_an_evaluation():
    given = []

    @dataclass(frozen=True, kw_only=True)
    class Curious(Popular):
        def fit(self, data, options):
            given.append((len(data.histories.items), data.validation, tuple(data.objectives), options.seed))
            return super().fit(data, options)

    evaluate(replace(system, sources=[Curious()], seed=3), toy_items(), toy_histories())
    (first, next_events, objectives, seed), (older, hidden, _, _) = given
    assert first + len(next_events.items) == older  # the same users, what they did next
    assert hidden is None
    assert objectives == tuple(system.objectives)
    assert seed == 3


def test_examples_know_nothing_of_what_came_after():
    """Change everything after the split: features stay, only labels change."""
    split = by_share(toy_histories())
    pipeline = fit_sources(system, toy_data(split.train))
    later = split.test
    changed = Histories(
        later.offsets, ((later.items + 5) % ITEMS).astype(np.int32), later.at, later.event, later.value
    )
    before = build_examples(system, pipeline, of_users(system, toy_data(), split))
    after = build_examples(system, pipeline, of_users(system, toy_data(), replace(split, test=changed)))
    assert np.array_equal(before.inputs.numeric, after.inputs.numeric, equal_nan=True)
    assert not np.array_equal(before.labels, after.labels)


def test_users_are_sampled_where_examples_would_be_too_many(monkeypatch):
    split = by_share(toy_histories())
    pipeline = fit_sources(system, toy_data(split.train))
    whole = len(build_examples(system, pipeline, of_users(system, toy_data(), split)))
    monkeypatch.setattr("shortlist.training.examples.MAX_EXAMPLES", 600)
    assert len(build_examples(system, pipeline, of_users(system, toy_data(), split))) < whole / 2


def test_same_seed_same_pipeline():
    queries = toy_histories(seed=5, rows=6)
    from shortlist.base.queries import Queries

    requests = Queries(queries, np.full(6, 99 * DAY))
    slates = [
        fit(replace(system, sources=[ALS(embedding_size=4), Popular()]), toy_items(), toy_histories())
        .rankers["logistic_regression"]
        .recommend(requests, 5)
        for _ in range(2)
    ]
    assert np.array_equal(slates[0].items, slates[1].items)
    assert np.array_equal(slates[0].values, slates[1].values)


def test_nothing_to_fit_on_is_an_error():
    with pytest.raises(DataError, match="not one event"):
        fit(system, toy_items(), Histories.empty(3))
    never = replace(system, objectives=[Objective("loved", views, pl.col("value") > 99)])
    with pytest.raises(DataError, match="no objective is ever fulfilled"):
        fit(never, toy_items(), toy_histories())


def test_without_rankers_retrieval_is_all_there_is():
    trained = fit(replace(system, rankers=[]), toy_items(), toy_histories())
    assert trained.rankers == {}
    assert trained.retrieval.ranker is None


def test_evaluation_compares_all_models_and_chooses():
    trial = evaluate(system, toy_items(), toy_histories())
    evaluation = trial.evaluation
    assert [each.name for each in evaluation.models] == [
        "popularity", "ease", "item_knn", "popular", "logistic_regression",
    ]  # fmt: skip
    assert evaluation.chosen == "logistic_regression"
    assert evaluation.sizes.test_queries == len(trial.evaluation_set)
    assert {each.name for each in evaluation.recall_ceilings} == {
        "ease",
        "item_knn",
        "popular",
        "all together",
    }
    assert evaluation.models[-1].scoring.keys() == {"viewed", "liked"}
    assert all(each.latency for each in evaluation.models)
    quality = {each.name: each.metrics["ndcg@10"].mean for each in evaluation.models}
    assert quality["ease"] > quality["popularity"]
    users = sample_users(trial)
    assert len(users) == 4
    assert all(len(user.slate) == 10 for user in users)


def test_evaluation_without_rankers_chooses_the_fusion():
    trial = evaluate(replace(system, rankers=[]), toy_items(), toy_histories())
    assert trial.evaluation.chosen == "all sources, fused"
