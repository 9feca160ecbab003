"""Many search while one adds, deletes and rebuilds: what was deleted is gone, what was added is there."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shortlist.base.queries import Allowed, Ragged
from shortlist.index import SegmentedIndex

COUNT, CHANGES, SIZE = 4_000, 2_000, 16


@pytest.fixture(params=["scanned", "in lists"])
def index(request, monkeypatch):
    if request.param == "in lists":
        pytest.importorskip("faiss")
        monkeypatch.setattr("shortlist.index.sealed_segment.EXACT_MAX_VECTORS", 1_000)
    return SegmentedIndex.build(vectors_of(np.arange(COUNT)), np.arange(COUNT))


def vectors_of(items):
    """Of length 1, each item's own."""
    vectors = np.stack([np.random.default_rng(int(item)).normal(size=SIZE) for item in items])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_two_thousand_change_while_others_search(index):
    """One thread deletes item i and adds COUNT + i; a search by an item's own vector finds it, or it must not."""
    vectors = vectors_of(np.arange(COUNT + CHANGES))
    everything = Allowed(np.ones(COUNT + CHANGES, bool), Ragged.from_lists([[]]))
    deleted = added = 0  # how many changes had returned
    finished = threading.Event()

    def change():
        nonlocal deleted, added
        for item in range(CHANGES):
            index.delete(np.array([item]))
            deleted = item + 1
            index.add(vectors[COUNT + item : COUNT + item + 1], np.array([COUNT + item]))
            added = item + 1
            if item == CHANGES // 2:
                rebuilding.start()
        rebuilding.join()
        finished.set()

    def look(seed):
        rng = np.random.default_rng(seed)
        looked = 0
        while not finished.is_set() or looked < 20:
            gone, come = deleted, added  # before the search begins
            item = int(rng.integers(0, COUNT + come))
            found = index.search(vectors[item : item + 1], 3, everything)
            assert not (found.items < gone).any(), "a deleted item was found"
            if CHANGES <= item < COUNT + come:  # never deleted
                assert found.items[0] == item, "an item is missing"
                assert found.scores[0] == pytest.approx(1.0, abs=1e-3), "a torn vector"
            looked += 1
        return looked

    rebuilding = threading.Thread(target=index.rebuild)
    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(look, seed) for seed in range(3)]
        pool.submit(change).result()
        assert all(each.result() >= 20 for each in looks)
    found = index.search(vectors, 1, Allowed(everything.shared, Ragged.from_lists([[]] * len(vectors))))
    mine = {int(row) for row, item in zip(found.rows, found.items, strict=True) if row == item}
    assert mine == set(range(CHANGES, COUNT + CHANGES))


def test_a_replaced_item_is_never_missing(index):
    vectors = vectors_of(np.array([COUNT, COUNT + 1]))
    one = Allowed(np.ones(COUNT, bool), Ragged.from_lists([[]]))
    finished = threading.Event()

    def look():
        looked = 0
        while not finished.is_set() or looked < 20:
            assert 7 in index.search(vectors[:1], COUNT, one).items
            looked += 1

    with ThreadPoolExecutor(2) as pool:
        looking = pool.submit(look)
        for turn in range(300):
            index.replace(vectors[turn % 2 : turn % 2 + 1], np.array([7]))
        finished.set()
        looking.result()
    assert index.search(vectors[1:], 1, one).items.tolist() == [7]
