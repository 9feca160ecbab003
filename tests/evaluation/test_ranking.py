import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from shortlist.base.errors import NotFoundError
from shortlist.base.queries import Ragged, Retrieved
from shortlist.evaluation.names import NAMES, STANDARD, parse, title
from shortlist.evaluation.ranking import METRICS, Hits, measure, places

ITEMS = 30
GAIN = 1 / np.log2(np.arange(2, 12))


def lists_of(lists: list[list[int]]) -> Retrieved:
    rows = np.repeat(np.arange(len(lists)), [len(row) for row in lists])
    items = np.array([item for row in lists for item in row], np.int32)
    return Retrieved(rows, items, np.zeros(len(items), np.float32))


def ragged(sets: list[list[int]]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in sets])]).astype(np.int64)
    return Ragged(offsets, np.array([item for row in sets for item in row], np.int32))


def one(returned: list[int], positives: list[int], metric: str) -> float:
    return float(measure(lists_of([returned]), ragged([positives]), [metric])[metric][0])


# the list 7 1 2 9 3 against the positives 9 1 8: hits at places 2 and 4
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("ndcg@5", (GAIN[1] + GAIN[3]) / GAIN[:3].sum()),
        ("ndcg@2", GAIN[1] / GAIN[:2].sum()),
        ("ndcg@1", 0.0),
        ("recall@5", 2 / 3),
        ("recall@3", 1 / 3),
        ("precision@5", 2 / 5),
        ("precision@10", 2 / 10),  # the list is shorter than 10: the empty places count
        ("hit@5", 1.0),
        ("hit@1", 0.0),
        ("map@5", (1 / 2 + 2 / 4) / 3),
        ("map@2", (1 / 2) / 2),
        ("mrr@5", 1 / 2),
        ("mrr@1", 0.0),
    ],
)
def test_figures_worked_out_by_hand(metric: str, expected: float) -> None:
    assert one([7, 1, 2, 9, 3], [9, 1, 8], metric) == pytest.approx(expected)


def test_rows_without_positives_have_no_figure_and_rows_without_list_have_zero() -> None:
    values = measure(lists_of([[1, 2], [], [3]]), ragged([[], [4], [3]]))
    assert set(values) == set(STANDARD)
    for each in values.values():
        assert np.isnan(each[0])
        assert each[1] == 0
        assert each[2] > 0


def test_no_hits_and_no_queries() -> None:
    assert measure(lists_of([[], []]), ragged([[1], []]), ["ndcg@10"])["ndcg@10"].tolist()[0] == 0
    assert len(measure(lists_of([]), ragged([]), ["ndcg@10"])["ndcg@10"]) == 0


def test_an_item_counts_only_for_the_row_that_wants_it() -> None:
    values = measure(lists_of([[1], [2]]), ragged([[2], [1]]), ["hit@10"])["hit@10"]
    assert values.tolist() == [0, 0]


def test_places_start_anew_in_each_row() -> None:
    assert places(np.array([0, 0, 2, 2, 2, 5])).tolist() == [0, 1, 0, 1, 2, 0]
    assert places(np.zeros(0, np.int64)).tolist() == []


def test_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random((50, ITEMS))
    wanted = rng.random((50, ITEMS)) < 0.15
    wanted[:, 0] |= ~wanted.any(axis=1)
    truth = ragged([np.flatnonzero(row).tolist() for row in wanted])
    ours = measure(lists_of(np.argsort(-scores, axis=1).tolist()), truth, ["ndcg@5", f"ndcg@{ITEMS}"])
    for k in (5, ITEMS):
        theirs = [ndcg_score(wanted[[row]], scores[[row]], k=k) for row in range(50)]
        assert ours[f"ndcg@{k}"] == pytest.approx(theirs)


lists = st.lists(st.integers(0, ITEMS - 1), unique=True, max_size=15)
batches = st.lists(st.tuples(lists, lists), min_size=1, max_size=8)
metrics = st.builds("{}@{}".format, st.sampled_from(sorted(METRICS)), st.integers(1, 20))


@given(batches, metrics)
def test_every_figure_lies_between_0_and_1(batch: list[tuple[list[int], list[int]]], metric: str) -> None:
    returned, wanted = ([pair[side] for pair in batch] for side in (0, 1))
    values = measure(lists_of(returned), ragged(wanted), [metric])[metric]
    assert np.isnan(values).tolist() == [not row for row in wanted]
    present = values[~np.isnan(values)]
    assert ((present >= 0) & (present <= 1 + 1e-12)).all()


@given(lists.filter(bool), st.integers(1, 20))
def test_a_perfect_list_is_perfect(wanted: list[int], k: int) -> None:
    others = [item for item in range(ITEMS) if item not in wanted]
    for word in ("ndcg", "hit", "map", "mrr"):
        assert one(wanted + others, wanted, f"{word}@{k}") == pytest.approx(1)
    assert one(wanted, wanted, f"recall@{ITEMS}") == 1
    assert one(wanted, wanted, f"precision@{len(wanted)}") == 1


@given(st.permutations(range(12)), st.integers(0, 10), st.sampled_from(sorted(METRICS)), st.integers(1, 12))
def test_a_hit_that_moves_up_never_does_harm(order: list[int], rank: int, word: str, k: int) -> None:
    wanted = [item for item in range(12) if item % 3 == 0 or item == order[rank + 1]]
    swapped = order.copy()
    swapped[rank], swapped[rank + 1] = order[rank + 1], order[rank]
    assert one(swapped, wanted, f"{word}@{k}") >= one(order, wanted, f"{word}@{k}") - 1e-12


@settings(max_examples=50)
@given(batches, st.randoms(use_true_random=False), metrics)
def test_the_order_of_users_does_not_matter(
    batch: list[tuple[list[int], list[int]]], random, metric: str
) -> None:
    order = list(range(len(batch)))
    random.shuffle(order)
    returned, wanted = ([pair[side] for pair in batch] for side in (0, 1))
    values = measure(lists_of(returned), ragged(wanted), [metric])[metric]
    moved = [returned[row] for row in order], [wanted[row] for row in order]
    assert measure(lists_of(moved[0]), ragged(moved[1]), [metric])[metric] == pytest.approx(
        values[order], nan_ok=True
    )


def test_hits_keep_rows_places_and_how_much_there_was() -> None:
    hits = Hits.of(lists_of([[5, 1], [2, 3]]), ragged([[1, 4], [3]]))
    assert hits.rows.tolist() == [0, 1]
    assert hits.places.tolist() == [1, 1]
    assert hits.positives.tolist() == [2, 1]
    assert hits.top(1).rows.tolist() == []


def test_names_are_of_one_form_and_hint_at_the_right_one() -> None:
    assert set(METRICS) <= set(NAMES)
    assert parse("ndcg@10") == ("ndcg", 10)
    assert title("hit@5") == "Hit rate@5"
    with pytest.raises(NotFoundError, match="did you mean 'ndcg'"):
        parse("ndgc@10")
    for wrong in ("ndcg", "ndcg@", "ndcg@0", "ndcg@ten"):
        with pytest.raises(NotFoundError, match="write for example 'ndcg@10'"):
            parse(wrong)
    with pytest.raises(NotFoundError, match="no metric of single lists"):
        measure(lists_of([[1]]), ragged([[1]]), ["coverage@10"])
