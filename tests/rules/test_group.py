"""Group: what only this order promises."""

import numpy as np
import polars as pl
import pytest

from shortlist import DeclarationError, Group
from shortlist.base.items import Items
from shortlist.testing.rules import OrderContract
from shortlist.testing.toy import toy_items

PHOTOS = Items(
    pl.DataFrame(
        {"item": list("abcdef"), "product": ["p", "q", "p", None, None, "q"], "tags": [["x", "y"]] * 6}
    )
)


class TestGroup(OrderContract):
    order = Group(by="brand")
    whole = False


def test_the_best_of_each_group_stands_for_it_and_items_without_one_for_themselves():
    rows = np.array([0] * 6 + [1] * 3)
    items = np.array([2, 0, 1, 3, 5, 4, 0, 5, 1], np.int32)
    kept = Group(by="product").fit(PHOTOS).arrange(rows, items, np.zeros(9, np.float32), 10)
    assert items[kept].tolist() == [2, 1, 3, 4, 0, 5]
    assert rows[kept].tolist() == [0, 0, 0, 0, 1, 1]


def test_only_an_attribute_of_one_word_makes_groups():
    with pytest.raises(DeclarationError, match="several of these"):
        Group(by="tags").fit(PHOTOS)
    with pytest.raises(DeclarationError, match="did you mean 'brand'"):
        Group(by="brant").fit(toy_items())
