"""The adapters of the current tree do what the benchmarks need of them, on small data."""

from pathlib import Path

import polars as pl
import pytest
from benchmarks.adapters.current import request, train


def test_requests_are_answered_and_traced(tmp_path: Path) -> None:
    pytest.importorskip("catboost")
    adapter = request.Adapter()
    adapter.write_world(str(tmp_path / "world"), users=300, items=200, events=6000)
    prepared = adapter.prepare(str(tmp_path / "world"), str(tmp_path / "home"), users=10, quick=True)
    try:
        assert prepared["rankers"] == ["logistic_regression", "catboost"]
        assert prepared["sizes"]["items"] == 200
        users = prepared["users"]
        assert len(users) == 10
        for ranker in prepared["rankers"]:
            measured = adapter.measure(ranker, users)
            assert [len(slate) for slate in measured["slates"]] == [20] * 10
            for ms, trace in zip(measured["ms"], measured["stages"], strict=True):
                assert 0 < sum(spent for _, spent, _ in trace) <= ms
            assert all(inside <= ms for ms, inside in adapter.profile(ranker, users))
        assert len(adapter.store.read_state(users[:1], 0).events[0]) == request.RECENT
    finally:
        adapter.store.close()


def test_a_project_is_trained_and_judged_by_user(tmp_path: Path) -> None:
    pytest.importorskip("catboost")
    adapter = train.Adapter()
    rows = [(u, i, 4, 1_000_000 + 1000 * n + u) for u in range(60) for n, i in enumerate(_taste(u))]
    ratings = pl.DataFrame(rows, schema=["user_id", "movie_id", "rating", "timestamp"], orient="row")
    movies = pl.DataFrame({"movie_id": range(40), "title": "t", "genres": "Drama", "year": 1990})
    ratings.write_csv(tmp_path / "ratings.csv")
    movies.write_csv(tmp_path / "movies.csv")
    adapter.prepare_movies("movielens-100k", str(tmp_path), str(tmp_path / "home"), quick=True)
    trained = adapter.train(ingest=False)
    assert trained["chosen"] in trained["ndcg"]
    assert trained["ndcg"].keys() == {"logistic_regression", "catboost"}
    for values in trained["ndcg"].values():
        assert values.keys() <= {str(user) for user in range(60)}
        assert all(0 <= value <= 1 for value in values.values())


def _taste(user: int) -> list[int]:
    return [(7 * user + 3 * n) % 20 + 20 * (user % 2) for n in range(15)]
