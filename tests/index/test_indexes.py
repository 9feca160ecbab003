"""The laws of the index, against brute force; numbers are small and whole, so that sums are exact and ties are ties."""

import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.errors import DataError, MissingExtraError, ReleaseError
from shortlist.base.queries import Allowed, Ragged
from shortlist.index import ExactIndex, SegmentedIndex
from shortlist.testing.indexes import VectorIndexContract

ITEMS, SIZE = 12, 3


class Brute:
    """What an index must answer: a list of vectors for each item."""

    def __init__(self):
        self.vectors = [[] for _ in range(ITEMS)]

    def add(self, vectors, keys):
        for vector, key in zip(vectors, keys, strict=True):
            self.vectors[key].append(vector)

    def delete(self, keys):
        for key in keys:
            self.vectors[key] = []

    def score(self, query, item):
        return max((float(vector @ query) for vector in self.vectors[item]), default=np.nan)

    def search(self, query, n, may):
        scored = [
            (-self.score(query, item), item) for item in range(ITEMS) if self.vectors[item] and may[item]
        ]
        return [(item, -score) for score, item in sorted(scored)[:n]]


def allowed(shared, hidden):
    return Allowed(
        np.array(shared, bool),
        Ragged.from_lists([sorted(item for item in items if item < len(shared)) for items in hidden]),
    )


def listed(found, row):
    mine = found.rows == row
    return list(zip(found.items[mine].tolist(), found.scores[mine].tolist(), strict=True))


def agrees(index, brute, queries, n, may):
    found = index.search(queries, n, may)
    assert found.items.dtype == np.int32
    for row, query in enumerate(queries):
        open_ = may.keep(np.full(len(may.shared), row), np.arange(len(may.shared), dtype=np.int32))
        open_ = np.concatenate([open_, np.zeros(max(0, ITEMS - len(open_)), bool)])
        assert listed(found, row) == brute.search(query, n, open_)
    rows, items = (
        np.repeat(np.arange(len(queries)), ITEMS),
        np.tile(np.arange(ITEMS, dtype=np.int32), len(queries)),
    )
    scores = [brute.score(queries[row], item) for row, item in zip(rows, items, strict=True)]
    assert np.array_equal(index.score(queries, rows, items), np.array(scores, np.float32), equal_nan=True)
    owners, vectors = index.vectors(np.arange(ITEMS, dtype=np.int32))
    mine = [[vector.tolist() for vector in vectors[owners == item]] for item in range(ITEMS)]
    assert mine == [[vector.tolist() for vector in of_item] for of_item in brute.vectors]
    assert len(index) == sum(map(len, brute.vectors))


KINDS = pytest.mark.parametrize("kind", ["scanned", "in lists"])


@contextmanager
def small_sets(kind):
    """Everything holds for both kinds: small sets are put into lists here, all of which are looked through."""
    with pytest.MonkeyPatch.context() as patch:
        if kind == "in lists":
            pytest.importorskip("faiss")
            patch.setattr("shortlist.index.sealed_segment.EXACT_MAX_VECTORS", 4)
            patch.setattr("shortlist.index.ivf.TARGET_RECALL", 1.0)
            patch.setattr("shortlist.index.ivf.GATHER_COST", 10**9)
            patch.setattr("shortlist.index.ivf_search.REFINE_FACTOR", 100)
        yield


numbers = st.integers(-4, 4)
some_vectors = st.lists(
    st.tuples(st.integers(0, ITEMS - 1), st.lists(numbers, min_size=SIZE, max_size=SIZE)), max_size=25
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), some_vectors),
        st.tuples(st.just("replace"), some_vectors),
        st.tuples(st.just("delete"), st.lists(st.integers(0, ITEMS + 2), max_size=5)),
        st.tuples(st.just("rebuild"), st.none()),
    ),
    max_size=6,
)
filters = st.tuples(
    st.lists(st.booleans(), min_size=ITEMS - 3, max_size=ITEMS + 3),
    st.lists(st.sets(st.integers(0, ITEMS + 3), max_size=ITEMS), min_size=3, max_size=3),
)


def arrays(pairs):
    vectors = np.array([vector for _, vector in pairs], np.float32).reshape(len(pairs), SIZE)
    return vectors, np.array([key for key, _ in pairs], np.int64)


def applied(index, brute, change, given):
    if change == "rebuild":
        index.rebuild()
    elif change == "delete":
        index.delete(np.array(given, np.int64))
        brute.delete(key for key in given if key < ITEMS)
    else:
        vectors, keys = arrays(given)
        getattr(index, change)(vectors, keys)
        if change == "replace":
            brute.delete(keys)
        brute.add(vectors, keys)


@KINDS
@settings(max_examples=60, deadline=None)
@given(first=some_vectors, changes=changes, queries=some_vectors, n=st.integers(0, ITEMS + 3), may=filters)
def test_equals_brute_force_through_any_changes(kind, tmp_path_factory, first, changes, queries, n, may):
    with small_sets(kind):
        vectors, keys = arrays(first)
        index, brute = SegmentedIndex.build(vectors, keys), Brute()
        brute.add(vectors, keys)
        queries = np.concatenate([arrays(queries)[0][:2], np.ones((1, SIZE), np.float32)])
        shared, hidden = may
        may = allowed(shared, hidden[: len(queries)])
        for change, given_ in changes:
            applied(index, brute, change, given_)
            agrees(index, brute, queries, n, may)
        folder = tmp_path_factory.mktemp("index")
        index.save(folder)
        loaded = SegmentedIndex.load(folder)
        agrees(loaded, brute, queries, n, may)
        assert loaded.exact == index.exact == (kind == "scanned" or len(index._snapshot.sealed.keys) <= 4)
        loaded.add(*arrays([(3, [1, 2, 3])]))
        brute.add(*arrays([(3, [1, 2, 3])]))
        agrees(loaded, brute, queries, n, may)


@KINDS
def test_batch_equals_single(kind):
    with small_sets(kind):
        rng = np.random.default_rng(0)
        vectors, keys = rng.integers(-9, 10, (600, 8)).astype(np.float32), rng.integers(0, 300, 600)
        index = SegmentedIndex.build(vectors, keys)
        queries = rng.integers(-9, 10, (40, 8)).astype(np.float32)
        may = Allowed(
            rng.random(300) < 0.7,
            Ragged.from_lists([rng.integers(0, 300, row).tolist() for row in range(40)]),
        )
        batch = index.search(queries, 20, may)
        for row in range(40):
            single = index.search(
                queries[row : row + 1], 20, Allowed(may.shared, may.hidden.take(np.array([row])))
            )
            assert listed(batch, row) == listed(single, 0)


def test_a_scan_in_blocks_equals_a_scan_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    index = SegmentedIndex.build(rng.integers(-9, 10, (500, 8)).astype(np.float32), np.arange(500))
    queries = rng.integers(-9, 10, (30, 8)).astype(np.float32)
    may = Allowed(np.arange(500) % 50 == 0, Ragged.from_lists([[0, row] for row in range(30)]))
    whole = index.search(queries, 7, may)
    monkeypatch.setattr("shortlist.index.segment.BLOCK_FLOATS", 40)
    monkeypatch.setattr("shortlist.index.search.BLOCK_FLOATS", 600)
    parts = index.search(queries, 7, may)
    assert all(
        np.array_equal(getattr(whole, name), getattr(parts, name)) for name in ("rows", "items", "scores")
    )


@KINDS
def test_save_writes_no_pickle(kind, tmp_path):
    with small_sets(kind):
        SegmentedIndex.build(np.eye(40, dtype=np.float32), np.arange(40)).save(tmp_path)
        assert {file.suffix for file in tmp_path.iterdir()} <= {".npy", ".json", ".faiss"}


@KINDS
def test_churn_says_what_was_changed_since_it_was_built(kind):
    with small_sets(kind):
        index = SegmentedIndex.build(np.eye(20, dtype=np.float32), np.arange(20))
        assert index.churn == 0
        index.add(np.eye(20, dtype=np.float32)[:3], np.arange(20, 23))
        index.delete(np.arange(2))
        assert index.churn == pytest.approx(5 / 20)
        index.rebuild()
        assert index.churn == 0
        assert len(index) == 21


@pytest.mark.parametrize(("written", "advice"), [(99, "upgrade"), (1, "train again")])
def test_another_format_is_refused(written, advice, tmp_path):
    SegmentedIndex.build(np.eye(3, dtype=np.float32), np.arange(3)).save(tmp_path)
    (tmp_path / "index.json").write_text(f'{{"format": {written}}}')
    with pytest.raises(ReleaseError, match=advice):
        SegmentedIndex.load(tmp_path)


@pytest.mark.parametrize(
    ("vectors", "keys", "message"),
    [
        ([[1.0, np.nan]], [0], "finite"),
        ([[1.0, 2.0]], [0, 1], "must be float32"),
        ([[1.0, 2.0, 3.0]], [0], "must be float32"),
        ([[1.0, 2.0]], [-1], "negative"),
    ],
)
def test_vectors_that_cannot_be_kept_are_refused(vectors, keys, message):
    index = SegmentedIndex.build(np.zeros((0, 2), np.float32), np.zeros(0, np.int32))
    with pytest.raises(DataError, match=message):
        index.add(np.array(vectors), np.array(keys))


def test_without_the_extra_all_is_scanned_and_lists_say_what_to_install(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr("shortlist.index.sealed_segment.EXACT_MAX_VECTORS", 10)
    monkeypatch.setattr("shortlist.index.segmented_index.EXACT_MAX_VECTORS", 10)
    vectors = np.eye(40, dtype=np.float32)
    in_lists = SegmentedIndex.build(vectors, np.arange(40))
    in_lists.save(tmp_path)
    assert "inverted lists" in in_lists.describe()
    monkeypatch.setitem(sys.modules, "faiss", None)
    scanned = SegmentedIndex.build(vectors, np.arange(40))
    assert scanned.exact
    assert "pip install 'shortlist[vision]'" in scanned.describe()
    with pytest.raises(MissingExtraError, match="vision"):
        SegmentedIndex.load(Path(tmp_path))


class TestSegmentedIndexScanned(VectorIndexContract):
    index = SegmentedIndex


class TestSegmentedIndexInLists(VectorIndexContract):
    index = SegmentedIndex

    @pytest.fixture(autouse=True)
    def _in_lists(self):
        with small_sets("in lists"):
            yield


class TestExactIndex(VectorIndexContract):
    index = ExactIndex

    def test_has_no_lists_at_any_size(self):
        with small_sets("in lists"):
            index, _ = self.built()
            assert index.exact
            assert "faster" not in index.describe()
