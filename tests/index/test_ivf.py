"""Inverted lists on clusters: how much they find, under filters of any strength, and after a rebuild."""

import numpy as np
import pytest

from shortlist.base.queries import Allowed, Ragged
from shortlist.index import SegmentedIndex

pytest.importorskip("faiss")
COUNT, SIZE, CLUSTERS, QUERIES = 12_000, 24, 150, 60


@pytest.fixture(scope="module")
def world():
    """An index in lists, its vectors, the cluster of each, and queries that are not among them."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, SIZE))
    cluster = rng.integers(0, CLUSTERS, COUNT + QUERIES)
    vectors = (centres[cluster] + 0.5 * rng.normal(size=(len(cluster), SIZE))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shortlist.index.sealed_segment.EXACT_MAX_VECTORS", 1_000)
        index = SegmentedIndex.build(vectors[:COUNT], np.arange(COUNT))
        assert not index.exact
        yield index, vectors[:COUNT], cluster[:COUNT], vectors[COUNT:]


def recall(index, vectors, queries, n, shared):
    """Share of the true best that a search finds."""
    found = index.search(queries, n, Allowed(shared, Ragged.from_lists([[]] * len(queries))))
    scores = np.where(shared, queries @ vectors.T, -np.inf)
    best = np.argpartition(-scores, n)[:, :n]
    there = np.zeros(scores.shape, bool)
    there[found.rows, found.items] = True
    assert (np.bincount(found.rows, minlength=len(queries)) == n).all()
    return np.take_along_axis(there, best, axis=1).mean()


@pytest.mark.parametrize("n", [10, 100, 500])
def test_finds_the_best(world, n):
    index, vectors, _, queries = world
    assert recall(index, vectors, queries, n, np.ones(COUNT, bool)) >= 0.95


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_finds_the_best_of_what_is_allowed(world, share):
    index, vectors, _, queries = world
    shared = np.random.default_rng(1).random(COUNT) < share
    assert recall(index, vectors, queries, 50, shared) >= 0.95


def test_finds_the_best_where_a_filter_follows_the_clusters(world):
    index, vectors, cluster, queries = world
    assert recall(index, vectors, queries, 50, cluster < CLUSTERS // 5) >= 0.95


def test_few_that_are_allowed_are_all_scanned(world):
    index, vectors, _, queries = world
    shared = np.arange(COUNT) % 100 == 0
    assert recall(index, vectors, queries, 50, shared) == 1.0


def test_more_than_there_is_gives_all_there_is(world):
    index, _, _, queries = world
    shared = np.arange(COUNT) % 2 == 0
    found = index.search(queries[:2], COUNT, Allowed(shared, Ragged.from_lists([[0, 2], []])))
    assert np.bincount(found.rows).tolist() == [COUNT // 2 - 2, COUNT // 2]


def test_floats_decide_though_they_are_halves(world):
    index, vectors, _, queries = world
    rows, items = np.repeat(np.arange(QUERIES), 20), np.arange(QUERIES * 20, dtype=np.int32)
    exact = np.einsum("ij,ij->i", queries[rows], vectors[items])
    assert np.allclose(index.score(queries, rows, items), exact, atol=1e-3)
    found = index.search(queries, 20, Allowed(np.ones(COUNT, bool), Ragged.from_lists([[]] * QUERIES)))
    assert np.allclose(index.score(queries, found.rows, found.items), found.scores, atol=1e-6)


def test_a_sample_of_queries_says_how_far_to_look():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(8_000, 16)).astype(np.float32) * rng.gamma(1.0, 1.0, (8_000, 1)).astype(
        np.float32
    )
    users = rng.normal(size=(200, 16)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shortlist.index.sealed_segment.EXACT_MAX_VECTORS", 1_000)
        index = SegmentedIndex.build(items, np.arange(8_000), sample=users[:100])
    assert recall(index, items, users[100:], 50, np.ones(8_000, bool)) >= 0.95
