"""Filters and orders: the contract suites, and what each of them promises."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist import AlreadySeen, DeclarationError, Diversity, Where
from shortlist.base.columns import DAY
from shortlist.base.errors import InvalidRequestError
from shortlist.rules.where import where_mask
from shortlist.testing.rules import FilterContract, OrderContract
from shortlist.testing.toy import ITEMS, toy_items, toy_queries


class TestAlreadySeen(FilterContract):
    filter = AlreadySeen()


class TestAlreadySeenLately(FilterContract):
    filter = AlreadySeen(window="7d")


class TestWhere(FilterContract):
    filter = Where(condition=pl.col("price") > 10)


class TestDiversity(OrderContract):
    order = Diversity(by="colours", strength=0.5)


class TestDiversityByCategory(OrderContract):
    order = Diversity(by="brand", strength=1.0)


def test_already_seen_hides_exactly_the_history():
    queries = toy_queries()
    hidden = AlreadySeen().fit(toy_items()).hidden(queries)
    assert hidden.items.tolist() == queries.histories.items.tolist()


def test_already_seen_forgets_after_its_window():
    queries = toy_queries()
    hidden = AlreadySeen(window="7d").fit(toy_items()).hidden(queries)
    recent = queries.histories.at >= queries.at[0] - 7 * DAY
    assert hidden.items.tolist() == queries.histories.items[recent].tolist()


def test_where_leaves_out_nulls_and_what_does_not_hold():
    kept = Where(condition=pl.col("price") > 10).fit(toy_items()).shared()
    assert np.flatnonzero(kept).tolist() == [p for p in range(11, ITEMS) if p % 13]


def test_where_on_an_unknown_attribute_says_what_was_meant():
    with pytest.raises(DeclarationError, match="did you mean 'price'"):
        Where(condition=pl.col("prise") > 10).fit(toy_items())


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"colours": "shiny"}, [p for p in range(ITEMS) if p % 7 == 0]),
        ({"colours": ["red", "blue"]}, list(range(ITEMS))),
        ({"brand": "brand 1"}, [p for p in range(ITEMS) if p % 3 == 1 and p % 11]),
        ({"price": 5}, [5]),
        ({"price": {"min": 10, "max": 12}}, [10, 11, 12]),
        ({"price": {"min": 10, "max": 12}, "brand": ["brand 1", "brand 2"]}, [10]),
    ],
)
def test_where_mask(where, expected):
    assert np.flatnonzero(where_mask(where, toy_items())).tolist() == expected


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ({"colour": "red"}, "where.colour: no such attribute: did you mean 'colours'"),
        ({"price": "cheap"}, "where.price: is a number"),
        ({"price": True}, "where.price: is a number"),
        ({"price": {"from": 3}}, "where.price: a range has min, max or both"),
        ({"price": {}}, "where.price: a range"),
        ({"price": {"min": "3"}}, "where.price.min"),
        ({"brand": {"min": 3}}, "where.brand: is no number"),
        ({"brand": 3}, "where.brand: is text"),
        ({"brand": []}, "where.brand: an empty list"),
    ],
)
def test_where_mask_names_the_field(where, field):
    with pytest.raises(InvalidRequestError, match=field):
        where_mask(where, toy_items())


def arranged(strength, values, n=4, by="colours"):
    items = np.arange(len(values), dtype=np.int32)
    order = Diversity(by=by, strength=strength).fit(toy_items())
    return order.arrange(np.zeros(len(values), np.int64), items, np.array(values, np.float32), n).tolist()


def test_diversity_of_strength_0_changes_nothing():
    assert arranged(0.0, [5, 4, 3, 2, 1]) == [0, 1, 2, 3, 4]


def test_diversity_brings_up_what_is_different():
    # items 0..19 are red, 20.. blue: with every value alike but falling, a blue one comes second
    values = np.linspace(1, 0.9, 21)
    assert arranged(0.9, values, n=5)[1] == 20


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30), st.floats(0, 1), st.integers(1, 40))
def test_diversity_keeps_the_best_first(values, strength, n):
    values = sorted(values, reverse=True)
    picked = arranged(strength, values, n=n)
    assert sorted(picked) == list(range(len(values)))
    if strength < 1:
        assert values[picked[0]] == values[0]


def test_diversity_rejects_what_is_none():
    with pytest.raises(DeclarationError, match="strength"):
        Diversity(by="colours", strength=2)
    with pytest.raises(DeclarationError, match="did you mean 'colours'"):
        Diversity(by="colors").fit(toy_items())
