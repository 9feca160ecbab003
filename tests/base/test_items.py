"""The catalogue: it grows at its end, and who holds the shorter one sees nothing of it."""

import numpy as np
import polars as pl
import pytest

from shortlist.base.errors import NotFoundError
from shortlist.base.items import MAX_CHUNKS, Items


def rows(*keys):
    return pl.DataFrame(
        {"item": keys, "title": [f"The {key}" for key in keys]}, schema_overrides={"item": pl.String}
    )


def test_a_catalogue_grows_and_the_shorter_one_stays_as_it_was():
    short = Items(rows("a", "b"))
    extended = short.with_new_items(rows("c")).with_new_items(rows("d", "e"))
    assert (len(short), len(extended)) == (2, 5)
    assert extended.positions(["a", "e", "x"]).tolist() == [0, 4, -1]
    assert short.positions(["a", "e"]).tolist() == [0, -1]
    with pytest.raises(NotFoundError):
        short.position("c")
    assert extended.titles(np.array([0, 3])) == ["The a", "The d"]


def test_two_catalogues_may_grow_from_one():
    """As where the first attempt to grow failed later on."""
    short = Items(rows("a"))
    first, second = short.with_new_items(rows("b", "c")), short.with_new_items(rows("d"))
    assert first.positions(["a", "b", "c", "d"]).tolist() == [0, 1, 2, -1]
    assert second.positions(["a", "b", "c", "d"]).tolist() == [0, -1, -1, 1]
    assert (len(first.keys), len(second.keys)) == (3, 2)


def test_row_by_row_growth_keeps_the_table_in_few_chunks():
    items = Items(rows("0"))
    for number in range(1, 2 * MAX_CHUNKS):
        items = items.with_new_items(rows(str(number)))
    assert items.table.n_chunks() <= MAX_CHUNKS
    assert items.titles(np.array([7, 300])) == ["The 7", "The 300"]
