"""The contract of vector indexes, checked against brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.base.queries import Allowed, Ragged
from shortlist.base.types import AnyArray, Floats, Mask
from shortlist.index.vector_index import VectorIndex
from shortlist.testing.files import assert_no_pickle

ITEMS, SIZE, QUERIES, CHANGES = 60, 6, 8, 12


class BruteForce:
    """What an exact index must answer: a list of vectors for each item."""

    def __init__(self, vectors: Floats, keys: AnyArray) -> None:
        self.vectors: dict[int, list[Floats]] = {}
        self.add(vectors, keys)

    def add(self, vectors: Floats, keys: AnyArray) -> None:
        """Append each vector to its item's."""
        for vector, key in zip(vectors, keys.tolist(), strict=True):
            self.vectors.setdefault(key, []).append(vector)

    def delete(self, keys: AnyArray) -> None:
        """Forget the items."""
        for key in keys.tolist():
            self.vectors.pop(key, None)

    def score(self, query: Floats, item: int) -> float:
        """The best score of the item's vectors; NaN where it has none."""
        return max((float(vector @ query) for vector in self.vectors.get(item, [])), default=np.nan)

    def search(self, query: Floats, n: int, allowed: Mask) -> list[tuple[int, float]]:
        """(item, score) of the best allowed items, best first."""
        items = [item for item in self.vectors if item < len(allowed) and allowed[item]]
        return sorted(((item, self.score(query, item)) for item in items), key=lambda s: (-s[1], s[0]))[:n]


class VectorIndexContract:
    """Subclass it, set ``index``, and pytest runs the suite.

    Vectors are small integers, so that sums are exact and ties are ties. An approximate index must be exact at
    this size, or be set up to be.
    """

    index: type[VectorIndex]

    def built(self, seed: int = 0) -> tuple[VectorIndex, BruteForce]:
        """An index of 90 vectors of at most 60 items, and brute force over the same."""
        vectors, keys = _vectors(seed, 90)
        return self.index.build(vectors, keys), BruteForce(vectors, keys)

    def test_fulfils_the_protocol(self) -> None:
        index, _ = self.built()
        assert isinstance(index, VectorIndex)
        assert index.size == SIZE
        assert str(len(index)) in index.describe()

    def test_equals_brute_force_through_changes_and_a_rebuild(self) -> None:
        index, brute_force = self.built()
        rng = np.random.default_rng(1)
        for turn in range(CHANGES):
            vectors, keys = _vectors(100 + turn, int(rng.integers(0, 6)))
            change = ("add", "delete", "replace", "rebuild")[turn % 4]
            if change == "add":
                index.add(vectors, keys)
                brute_force.add(vectors, keys)
            elif change == "delete":
                index.delete(keys)
                brute_force.delete(keys)
            elif change == "replace":
                index.replace(vectors, keys)
                brute_force.delete(keys)
                brute_force.add(vectors, keys)
            else:
                index.rebuild()
                assert index.churn == 0
            _agree(index, brute_force)

    def test_batch_equals_single(self) -> None:
        index, _ = self.built()
        queries, allowed = _queries(2), _allowed(3)
        batch = index.search(queries, 9, allowed)
        for row in range(QUERIES):
            single = index.search(queries[row : row + 1], 9, allowed.take(np.array([row])))
            own = batch.rows == row
            assert single.items.tolist() == batch.items[own].tolist()
            assert single.scores.tolist() == batch.scores[own].tolist()

    def test_items_beyond_the_catalogue_of_a_request_are_not_found(self) -> None:
        index, _ = self.built()
        old = Allowed(np.ones(10, bool), Ragged.from_lists([[]] * QUERIES))
        assert index.search(_queries(4), ITEMS, old).items.max() < 10

    def test_an_item_without_a_vector_has_no_score(self) -> None:
        index, _ = self.built()
        items = np.array([ITEMS + 5, ITEMS + 500], np.int32)
        assert np.isnan(index.score(_queries(5), np.array([0, 1]), items)).all()
        assert not len(index.vectors(items)[0])

    def test_an_empty_index_finds_nothing_and_can_be_added_to(self) -> None:
        index = self.index.build(np.zeros((0, SIZE), np.float32), np.zeros(0, np.int32))
        assert len(index) == 0
        assert not len(index.search(_queries(6), 3, _allowed(7)).items)
        index.add(np.ones((1, SIZE), np.float32), np.array([4]))
        one = Allowed(np.ones(5, bool), Ragged.from_lists([[]]))
        assert index.search(np.ones((1, SIZE), np.float32), 3, one).items.tolist() == [4]

    def test_churn_counts_what_changed(self) -> None:
        index, _ = self.built()
        assert index.churn == 0
        index.add(*_vectors(8, 5))
        assert index.churn > 0

    def test_saves_and_loads(self, tmp_path: Path) -> None:
        index, brute_force = self.built()
        vectors, keys = _vectors(9, 7)
        index.replace(vectors, keys)
        brute_force.delete(keys)
        brute_force.add(vectors, keys)
        index.save(tmp_path)
        loaded = self.index.load(tmp_path)
        _agree(loaded, brute_force)
        loaded.add(vectors, keys)
        brute_force.add(vectors, keys)
        _agree(loaded, brute_force)
        assert_no_pickle(tmp_path)


def _vectors(seed: int, count: int) -> tuple[Floats, AnyArray]:
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 10, (count, SIZE)).astype(np.float32), rng.integers(0, ITEMS, count)


def _queries(seed: int) -> Floats:
    return np.random.default_rng(seed).integers(-9, 10, (QUERIES, SIZE)).astype(np.float32)


def _allowed(seed: int) -> Allowed:
    rng = np.random.default_rng(seed)
    hidden = [np.unique(rng.integers(0, ITEMS, row)).tolist() for row in range(QUERIES)]
    return Allowed(rng.random(ITEMS) < 0.7, Ragged.from_lists(hidden))


def _agree(index: VectorIndex, brute_force: BruteForce) -> None:
    """Searches, scores and vectors are those of brute force."""
    queries, allowed = _queries(10), _allowed(11)
    result = index.search(queries, 9, allowed)
    assert result.items.dtype == np.int32
    for row, query in enumerate(queries):
        own = allowed.keep(np.full(ITEMS, row), np.arange(ITEMS, dtype=np.int32))
        mine = result.rows == row
        pairs = list(zip(result.items[mine].tolist(), result.scores[mine].tolist(), strict=True))
        assert pairs == brute_force.search(query, 9, own)
    rows, items = np.repeat(np.arange(QUERIES), ITEMS), np.tile(np.arange(ITEMS, dtype=np.int32), QUERIES)
    expected = [brute_force.score(queries[row], int(item)) for row, item in zip(rows, items, strict=True)]
    assert np.array_equal(index.score(queries, rows, items), np.array(expected, np.float32), equal_nan=True)
    owners, vectors = index.vectors(np.arange(ITEMS, dtype=np.int32))
    for item in range(ITEMS):
        stored = [vector.tolist() for vector in vectors[owners == item]]
        assert stored == [vector.tolist() for vector in brute_force.vectors.get(item, [])]
    assert len(index) == sum(map(len, brute_force.vectors.values()))
