"""Every built-in source passes the contract suite; what only one of them promises is below."""

import numpy as np
import pytest

from shortlist import ALS, EASE, DeclarationError, ItemKNN, Popular
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries
from shortlist.retrieval.bm25 import BM25
from shortlist.system.contracts import TrainingData, TrainingOptions
from shortlist.testing.sources import SourceContract
from shortlist.testing.toy import everything, toy_data, toy_histories, toy_items, toy_queries


class TestPopular(SourceContract):
    source = Popular()
    personal = False


class TestPopularWindow(SourceContract):
    source = Popular(window="20d")
    personal = False


class TestEASE(SourceContract):
    source = EASE(regularization=20)


class TestEASEOfFewItems(SourceContract):
    source = EASE(regularization=20, max_items=30)


class TestItemKNN(SourceContract):
    source = ItemKNN()


class TestALS(SourceContract):
    source = ALS(embedding_size=8)


class TestBM25(SourceContract):
    source = BM25(on=("colours", "title"))


def test_ease_is_the_solution_of_its_least_squares():
    histories, items = toy_histories(), toy_items()
    fitted = EASE(regularization=10.0).fit(TrainingData(histories, items), TrainingOptions())
    X = np.zeros((len(histories), len(items)))
    X[histories.rows, histories.items] = 1

    # any change of B that keeps the diagonal zero makes the objective worse
    def objective(B):
        return ((X - X @ B) ** 2).sum() + 10 * (B**2).sum()

    B = fitted.weights.astype(float)
    rng = np.random.default_rng(0)
    best = objective(B)
    for _ in range(20):
        change = rng.normal(size=B.shape) * 1e-2
        np.fill_diagonal(change, 0)
        assert objective(B + change) > best


def test_als_fold_in_reproduces_the_users_of_training():
    histories, items = toy_histories(), toy_items()
    fitted = ALS(embedding_size=8, epochs=60, half_life=1e9).fit(
        TrainingData(histories, items), TrainingOptions()
    )
    users = fitted.encode(Queries(histories, np.zeros(len(histories), np.int64)))[1]
    scores = users @ fitted.vectors.T
    X = np.zeros_like(scores)
    X[histories.rows, histories.items] = 1
    assert scores[X == 1].mean() > 2 * scores[X == 0].mean()


def test_popular_window_forgets():
    histories = Histories.from_lists([[0, 0, 0], [1, 1]], [[0, 1, 2], [10**13, 10**13 + 1]])
    ever = Popular().fit(TrainingData(histories, toy_items()), TrainingOptions())
    lately = Popular(window="1d").fit(TrainingData(histories, toy_items()), TrainingOptions())
    assert ever.order[0] == 0
    assert lately.order[0] == 1


def test_popular_rejects_a_strange_window():
    with pytest.raises(DeclarationError, match="no duration"):
        Popular(window="30 days")


def test_item_knn_prefers_what_follows_to_what_came_before():
    chain = Histories.from_lists([[0, 1, 2]] * 20)
    fitted = ItemKNN(half_life=1).fit(TrainingData(chain, toy_items()), TrainingOptions())
    query = Queries(Histories.from_lists([[1]]), np.array([9]))
    found = fitted.search(fitted.encode(query), 2, everything(query))
    assert found.items[0] == 2


@pytest.mark.parametrize("pairs", [10, 100_000_000])
def test_item_knn_in_blocks_equals_item_knn_at_once(pairs, monkeypatch):
    whole = ItemKNN().fit(toy_data(), TrainingOptions()).weights.toarray()
    monkeypatch.setattr("shortlist.retrieval.item_knn.BLOCK_PAIRS", pairs)
    assert np.allclose(ItemKNN().fit(toy_data(), TrainingOptions()).weights.toarray(), whole)


def test_als_in_groups_equals_als_at_once(monkeypatch):
    queries = toy_queries()
    whole = ALS(embedding_size=4).fit(toy_data(), TrainingOptions())
    monkeypatch.setattr("shortlist.retrieval.als.BLOCK_FLOATS", 50)
    parts = ALS(embedding_size=4).fit(toy_data(), TrainingOptions())
    assert np.allclose(whole.vectors, parts.vectors, atol=1e-4)
    assert np.allclose(whole.encode(queries)[1], parts.encode(queries)[1], atol=1e-3)
