import numpy as np
import polars as pl
import pytest

from shortlist.base.queries import Retrieved
from shortlist.evaluation import variety as module
from shortlist.evaluation.variety import coverage, diversity, novelty, variety

TAGS = pl.Series([["a", "b"], ["a"], ["c"], [], None, ["a", "b"]], dtype=pl.List(pl.String))


def lists_of(*lists: list[int]) -> Retrieved:
    rows = np.repeat(np.arange(len(lists)), [len(row) for row in lists])
    items = np.array([item for row in lists for item in row], np.int32)
    return Retrieved(rows, items, np.zeros(len(items), np.float32))


def test_coverage_counts_each_item_once() -> None:
    lists = lists_of([0, 1, 2], [1, 0, 3])
    assert coverage(lists, 2, 10) == 0.2
    assert coverage(lists, 3, 10) == 0.4
    assert coverage(lists_of([]), 3, 10) == 0


def test_novelty_is_surprise_in_bits() -> None:
    counts = np.array([7, 3, 1, 1])  # one more each: shares 8, 4, 2, 2 of 16
    values = novelty(lists_of([0, 1], [2], []), 10, counts, 3)
    assert values[:2].tolist() == [1.5, 3.0]
    assert np.isnan(values[2])


def test_diversity_is_what_pairs_do_not_share() -> None:
    values = diversity(lists_of([0, 1, 2], [0, 5], [3, 4], [2], [3, 0]), 10, TAGS, 5)
    assert values[0] == pytest.approx(1 - (1 / 2 + 0 + 0) / 3)
    assert values[1] == 0  # the same tags
    assert np.isnan(values[2:4]).all()  # no tags, no pair
    assert values[4] == 1  # one has tags, the other none


def test_diversity_looks_only_at_the_top() -> None:
    assert diversity(lists_of([0, 5, 2]), 2, TAGS, 1).tolist() == [0]


def test_diversity_is_the_same_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    lists = lists_of(*[rng.choice(6, 4, replace=False).tolist() for _ in range(40)])
    whole = diversity(lists, 4, TAGS, 40)
    monkeypatch.setattr(module, "PAIRS", 7)
    assert diversity(lists, 4, TAGS, 40) == pytest.approx(whole, nan_ok=True)


def test_a_single_word_is_a_tag_too() -> None:
    assert diversity(lists_of([0, 1], [0, 2]), 10, pl.Series(["x", "x", "y"]), 2).tolist() == [0, 1]


def test_all_of_it_by_name() -> None:
    lists = lists_of([0, 1])
    counts = np.ones(6)
    assert variety(lists, 1, counts, TAGS) == {
        "coverage@10": 1 / 3,
        "novelty@10": pytest.approx(np.log2(6)),
        "diversity@10": 0.5,
    }
    assert set(variety(lists, 1, counts)) == {"coverage@10", "novelty@10"}
    assert set(variety(lists_of([]), 1, counts, TAGS)) == {"coverage@10"}
