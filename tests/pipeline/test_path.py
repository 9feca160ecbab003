"""The laws of the request path, on a toy world that a real fit made."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist import (
    ALS,
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
    Where,
)
from shortlist.base.columns import DAY
from shortlist.base.errors import InvalidRequestError, UnavailableError
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries, Ragged, Retrieved
from shortlist.base.users import Users
from shortlist.pipeline.explain import explain
from shortlist.pipeline.path import RECOMMEND
from shortlist.pipeline.release import load, save
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.testing.toy import ITEMS, toy_histories, toy_items, toy_queries
from shortlist.training.fit import fit

NOW = 61 * DAY
views = Event("view", value="v")
system = System(
    name="toy",
    user=Entity("user"),
    item=Entity("item"),
    events=[views],
    objectives=[Objective("viewed", views), Objective("liked", views, pl.col("value") >= 4, weight=0.5)],
    sources=[
        EASE(regularization=20, quota=10),
        ItemKNN(quota=10),
        ALS(embedding_size=8, quota=10),
        Popular(quota=5),
    ],
    rankers=[LogisticRegression()],
    filters=[AlreadySeen(), Where(condition=pl.col("price").is_null() | (pl.col("price") != 3))],
    order=[Diversity(by="colours", strength=0.2)],
)


@pytest.fixture(scope="module")
def pipeline():
    return fit(system, toy_items(), toy_histories()).rankers["logistic_regression"]


def one(*items, at=None):
    return Queries(Histories.from_lists([list(items)], at), np.array([NOW]))


def test_every_stage_is_reported_in_order(pipeline):
    slates = pipeline.recommend(toy_queries(), 5)
    assert [stage.name for stage in slates.stages] == [stage.__name__ for stage in RECOMMEND]
    assert all(stage.ms >= 0 for stage in slates.stages)
    assert slates.stages[-1].after == len(slates.items) == 5 * 12
    assert slates.degraded == ()


def test_batch_equals_single(pipeline):
    queries = toy_queries(rows=30)
    batch = pipeline.recommend(queries, 7)
    for row in range(len(queries)):
        single = pipeline.recommend(queries.take(np.array([row])), 7)
        assert single.items.tolist() == batch.row(row).items.tolist()
        assert np.allclose(single.values, batch.row(row).values, atol=1e-5)


def test_blocks_equal_the_whole(pipeline, monkeypatch):
    queries = toy_queries(rows=30)
    whole = pipeline.recommend(queries, 7)
    monkeypatch.setattr("shortlist.pipeline.pipeline.QUERY_BLOCK", 4)
    parts = pipeline.recommend(queries, 7)
    assert parts.rows.tolist() == whole.rows.tolist()
    assert parts.items.tolist() == whole.items.tolist()
    assert parts.stages[-1].after == whole.stages[-1].after


@settings(deadline=None, max_examples=60)
@given(
    history=st.lists(st.integers(0, ITEMS - 1), max_size=60),
    n=st.integers(1, 2 * ITEMS),
    dead=st.sets(st.integers(0, ITEMS - 1)),
)
def test_contract_for_any_history_and_any_n(pipeline, history, n, dead):
    """Never a repeat, never what is filtered or deleted, and n items wherever n are eligible."""
    live = ~np.isin(np.arange(ITEMS), list(dead))
    slates = pipeline.recommend(one(*history), n, live=live)
    items = slates.items.tolist()
    eligible = set(range(ITEMS)) - set(history) - dead - {3}
    assert len(set(items)) == len(items)
    assert set(items) <= eligible
    assert len(items) == min(n, len(eligible))
    assert np.isfinite(slates.values).all()


def test_a_new_user_gets_what_is_popular(pipeline):
    slates = pipeline.recommend(one(), 5)
    assert len(slates.items) == 5
    assert slates.because.tolist() == [-1] * 5


def test_everything_filtered_is_an_empty_slate(pipeline):
    slates = pipeline.recommend(one(*range(ITEMS)), 5)
    assert len(slates.items) == 0
    assert pipeline.recommend(one(1), 5, live=np.zeros(ITEMS, bool)).items.tolist() == []


def test_an_empty_batch(pipeline):
    assert len(pipeline.recommend(Queries(Histories.empty(0), np.zeros(0, np.int64)), 5).items) == 0


def test_where_narrows_the_slate(pipeline):
    slates = pipeline.recommend(one(1, 2), 10, where={"colours": "blue", "price": {"max": 30}})
    assert len(slates.items) == 10
    assert all(20 <= item <= 30 for item in slates.items)


def test_n_below_1_names_the_field(pipeline):
    with pytest.raises(InvalidRequestError, match="n: must be at least 1"):
        pipeline.recommend(one(1), 0)


def test_rank_keeps_the_given_that_are_allowed(pipeline):
    ranked = pipeline.rank(one(1, 2), Ragged.from_lists([[1, 3, 5, 25, 5]]))
    assert sorted(ranked.items.tolist()) == [5, 25]  # 1 was seen, 3 is filtered, 5 came twice
    assert ranked.items[0] == 5  # of the kind of the history


def test_rank_scores_do_not_depend_on_the_other_candidates(pipeline):
    together = pipeline.rank(one(1, 2), Ragged.from_lists([list(range(ITEMS))]))
    for item in (5, 25):
        alone = pipeline.rank(one(1, 2), Ragged.from_lists([[item]]))
        assert np.allclose(alone.values[0], together.values[together.items == item], atol=1e-6)


def test_a_source_that_is_unavailable_is_left_out_by_name(pipeline):
    broken = broken_pipeline(pipeline, UnavailableError("the index is being rebuilt"))
    slates = broken.recommend(one(1, 2), 8)
    assert len(slates.items) == 8
    assert slates.degraded == ("source ease: the index is being rebuilt",)
    assert not slates.retrieved_by[:, 0].any()


def test_a_programmers_error_stays_loud(pipeline):
    with pytest.raises(ZeroDivisionError):
        broken_pipeline(pipeline, ZeroDivisionError()).recommend(one(1, 2), 8)


def broken_pipeline(pipeline, error):
    from dataclasses import replace

    class Broken(type(pipeline.sources[0].fitted)):
        def __init__(self):
            pass

        def encode(self, queries):
            raise error

    first = SourceSlot("ease", 10, Broken())
    return replace(pipeline, sources=(first, *pipeline.sources[1:]))


def test_a_source_that_breaks_the_rules_cannot_break_the_slate(pipeline):
    from dataclasses import replace

    class Careless(type(pipeline.sources[0].fitted)):
        def __init__(self, good):
            self.__dict__.update(vars(good))

        def search(self, encoded, n, allowed):
            return Retrieved(np.zeros(4, np.int64), np.array([1, 1, 3, 5], np.int32), np.ones(4, np.float32))

    careless = SourceSlot("careless", 10, Careless(pipeline.sources[0].fitted))
    slates = replace(pipeline, sources=(careless,), features=pipeline.features, ranker=None).recommend(
        one(1), 4
    )
    assert slates.items[0] == 5
    assert {1, 3}.isdisjoint(slates.items.tolist())
    assert len(set(slates.items.tolist())) == 4


def test_without_a_ranker_sources_are_fused(pipeline):
    from dataclasses import replace

    alone = replace(pipeline, sources=pipeline.sources[:1], ranker=None, order=())
    queries = one(1, 2, 4)
    slates = alone.recommend(queries, 5)
    source = alone.sources[0].fitted
    state = alone.run_until(queries, 5, until=RECOMMEND[2])
    assert slates.items.tolist() == source.search(state.encoded[0], 5, state.allowed).items.tolist()
    assert slates.probabilities.shape[1] == 0


def test_a_release_answers_as_the_pipeline_did(pipeline, tmp_path):
    histories = toy_histories()
    save(tmp_path, system, pipeline, Users.of_keys([f"u{i}" for i in range(len(histories))]), histories, 17)
    release = load(tmp_path)
    assert release.watermark == 17
    history = release.history("u5")
    assert history.items.tolist() == histories.take(np.array([5])).items.tolist()
    assert len(release.history("unknown").items) == 0
    queries = Queries(history, np.array([NOW]))
    before, after = pipeline.recommend(queries, 9), release.pipeline.recommend(queries, 9)
    assert before.items.tolist() == after.items.tolist()
    assert np.array_equal(before.probabilities, after.probabilities)
    assert not [file for file in tmp_path.rglob("*") if file.suffix in {".pkl", ".pickle", ".joblib"}]


def test_explain_covers_the_whole_path(pipeline):
    queries = one(1, 2, 4)
    slates = pipeline.recommend(queries, 5)
    first, seen, filtered = explain(pipeline, queries, np.array([slates.items[0], 1, 3], np.int32), 5)
    assert first.position == 1
    assert first.retrieved_by
    assert first.filtered_by == []
    assert first.value == pytest.approx(float(slates.values[0]), abs=1e-5)
    assert first.probabilities["viewed"] == pytest.approx(float(slates.probabilities[0, 0]), abs=1e-5)
    assert set(first.contributions) == {"viewed", "liked"}
    assert seen.position is None
    assert seen.filtered_by == ["already seen"]
    assert "already seen" in seen.sentence
    assert "where" in filtered.filtered_by[0]


def test_explain_what_was_never_retrieved_or_excluded(pipeline):
    queries = one(1, 2, 4)
    far, excluded, dead = explain(
        pipeline,
        queries,
        np.array([39, 20, 21], np.int32),
        3,
        where={"colours": "red"},
        live=np.arange(ITEMS) != 21,
    )
    assert far.position is None
    assert excluded.filtered_by == ["not what the request asked for"]
    assert dead.filtered_by == ["deleted from the catalogue", "not what the request asked for"]
