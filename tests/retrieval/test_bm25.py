"""BM25: what only this source promises; the contract suite runs in test_sources."""

import numpy as np
import polars as pl
import pytest

from shortlist import DeclarationError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Ragged, SearchQuery
from shortlist.retrieval._text import tokenize
from shortlist.retrieval.bm25 import BM25
from shortlist.system.contracts import TrainingData, TrainingOptions

FRUIT = Items(
    pl.DataFrame(
        {
            "item": ["a", "b", "c", "d"],
            "title": ["Royal Gala apple", "Golden apples, very golden", "Anjou pear", None],
            "tags": [["red", "sweet"], ["yellow"], ["green", "sweet"], []],
            "price": [1.0, 2.0, 3.0, 4.0],
        }
    )
)


def queries(*words: str, history: list[int] | None = None) -> Queries:
    histories = Histories.from_lists([history or []] * len(words))
    return Queries(histories, np.full(len(words), 10), search=SearchQuery.from_parts(words=words))


def everything(rows: int, items: int = 4) -> Allowed:
    return Allowed(np.ones(items, bool), Ragged.from_lists([[]] * rows))


def search(words: str, **parameters) -> list[str]:
    fitted = BM25(**parameters).fit(TrainingData(Histories.empty(0), FRUIT), TrainingOptions())
    found = fitted.search(fitted.encode(queries(words)), 10, everything(1))
    return [FRUIT.keys[item] for item in found.items]


def test_words_are_found_without_case_accents_and_plural():
    assert search("APPLE") == ["a", "b"]  # the shorter text first
    assert search("ápples") == ["a", "b"]
    assert search("golden apple")[0] == "b"
    assert search("sweet pears") == ["c", "a"]


def test_nothing_is_found_for_words_that_nothing_has():
    assert search("bicycle") == []
    assert search("") == []


def test_only_the_named_attributes_are_read():
    assert search("sweet", on=("title",)) == []


def test_an_attribute_that_is_not_there_is_named():
    with pytest.raises(DeclarationError, match="did you mean 'title'"):
        BM25(on=("titel",)).fit(TrainingData(Histories.empty(0), FRUIT), TrainingOptions())
    with pytest.raises(DeclarationError, match="price"):
        BM25(on=("price",)).fit(TrainingData(Histories.empty(0), FRUIT), TrainingOptions())


def test_without_words_the_history_asks_and_with_words_it_does_not():
    fitted = BM25().fit(TrainingData(Histories.empty(0), FRUIT), TrainingOptions())
    by_history = fitted.search(fitted.encode(queries("", history=[2])), 2, everything(1))
    assert by_history.items[0] == 2
    by_words = fitted.search(fitted.encode(queries("golden", history=[2])), 2, everything(1))
    assert by_words.items.tolist() == [1]


def test_new_items_are_found_at_once_and_old_requests_do_not_see_them():
    fitted = BM25().fit(TrainingData(Histories.empty(0), FRUIT), TrainingOptions())
    more = Items(
        pl.concat(
            [
                FRUIT.table,
                pl.DataFrame({"item": ["e"], "title": ["Sweet pear"], "tags": [["new"]], "price": [5.0]}),
            ]
        )
    )
    extended = fitted.with_new_items(more, 4)
    found = extended.search(extended.encode(queries("sweet pear")), 1, everything(1, 5))
    assert found.items.tolist() == [4]
    assert fitted.search(fitted.encode(queries("sweet pear")), 1, everything(1)).items.tolist() == [2]
    assert np.allclose(
        extended.score(extended.encode(queries("sweet")), np.array([0]), np.array([4], np.int32)) > 0, True
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Apples & Pears", ["apple", "pear"]),
        ("berries potatoes glass bus gas", ["berry", "potato", "glass", "bus", "gas"]),
        ("Crème fraîche 3%", ["creme", "fraiche", "3"]),
        ("牛奶", ["牛奶"]),
        ("", []),
    ],
)
def test_words_of_a_text(text, words):
    assert tokenize(text) == words


def test_items_that_come_one_by_one_are_merged_now_and_then():
    data = TrainingData(Histories.empty(0), FRUIT)
    fitted, items, largest = BM25().fit(data, TrainingOptions()), FRUIT, 0
    first = fitted
    for number in range(40):
        row = FRUIT.table[:1].with_columns(item=pl.lit(f"new{number}"), title=pl.lit(f"quince{number}"))
        items = items.with_new_items(row)
        fitted = fitted.with_new_items(items, 4 + number)
        largest = max(largest, len(fitted.postings))
    assert largest <= 7  # of 44 items: about log2
    assert len(fitted) == 44
    found = fitted.search(fitted.encode(queries("quince17")), 3, everything(1, 44))
    assert found.items.tolist() == [21]
    assert first.search(first.encode(queries("quince17")), 3, everything(1)).items.tolist() == []
