"""Vectors of the catalogue: lists of numbers, as long in every row."""

import polars as pl
import pytest

from shortlist.data.reading.type_inference import infer_attribute, typed_column
from shortlist.system.entity import Number, Tags, Vector

HALF = [0.5, 1.0]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (pl.Series("v", [HALF, None, [1.0, 2.0, 3.0], [1, 2]], strict=False), [HALF, None, None, [1.0, 2.0]]),
        (pl.Series("v", [[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]]),
        (pl.Series("v", [HALF, [1.0, None]], dtype=pl.Array(pl.Float64, 2)), [HALF, None]),
        (pl.Series("v", [HALF, [1.0, float("inf")]]), [HALF, None]),
        (pl.Series("v", ["[0.5, 1]", "0.5,1", "x,1", "", None]), [HALF, HALF, None, None, None]),
        (pl.Series("v", [None, None], dtype=pl.String), [None, None]),
        (pl.Series("v", [], dtype=pl.List(pl.Float64)), []),
    ],
)
def test_cells_become_vectors(cells, read):
    found = typed_column(Vector("v"), cells)
    assert found.dtype == pl.List(pl.Float32)
    assert found.to_list() == read


def test_lists_of_fractions_are_vectors_unless_declared_otherwise():
    assert isinstance(infer_attribute("look", pl.Series("v", [HALF])), Vector)
    assert isinstance(infer_attribute("look", pl.Series("v", [["a"]])), Tags)
    assert isinstance(infer_attribute("look", pl.Series("v", [[1, 2]])), Tags)
    assert isinstance(infer_attribute("look", pl.Series("v", [0.5])), Number)
