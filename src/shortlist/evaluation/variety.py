"""Beyond accuracy: coverage of the catalogue, novelty and diversity of the lists."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from shortlist.base.queries import Retrieved
from shortlist.base.types import AnyArray, Positions, Rows
from shortlist.evaluation.ranking import Values, places

DEPTH = 10  # places of a list that count
PAIRS = 1 << 20  # pairs of items compared at a time: bounds memory


def variety(lists: Retrieved, rows: int, counts: AnyArray, tags: pl.Series | None = None) -> dict[str, float]:
    """Coverage, novelty and (given ``tags``) diversity of the first `DEPTH` places of all lists, by name."""
    figures = {
        "coverage": coverage(lists, DEPTH, len(counts)),
        "novelty": _overall(novelty(lists, DEPTH, counts, rows)),
        "diversity": _overall(diversity(lists, DEPTH, tags, rows)) if tags is not None else None,
    }
    return {f"{word}@{DEPTH}": figure for word, figure in figures.items() if figure is not None}


def coverage(lists: Retrieved, k: int, items: int) -> float:
    """The share of the catalogue (``items`` in all) that is in some user's first ``k`` places."""
    return len(np.unique(lists.items[places(lists.rows) < k])) / items


def novelty(lists: Retrieved, k: int, counts: AnyArray, rows: int) -> Values:
    """The mean surprise of each row's first ``k`` items in bits, float64[rows]; NaN for an empty list.

    An item's surprise is -log2 of its share of all training events (``counts``: events per item), each
    item given one event more so that one never seen has a share too. The self-information of Zhou et
    al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010.
    """
    shares = (counts + 1.0) / (counts.sum() + len(counts))
    near = places(lists.rows) < k
    at, surprise = lists.rows[near], -np.log2(shares)[lists.items[near]]
    return _ratio(np.bincount(at, surprise, rows), np.bincount(at, minlength=rows))


def diversity(lists: Retrieved, k: int, tags: pl.Series, rows: int) -> Values:
    """How unlike each other a row's first ``k`` items are, float64[rows]: 0 all the same, 1 nothing shared.

    One minus the mean Jaccard similarity of all pairs, by ``tags`` (one list of words, or one word, per
    item of the catalogue). NaN where no pair can be compared; two items without tags cannot.
    """
    matrix = _indicators(tags)
    sizes = np.diff(matrix.indptr)
    sums, comparable = np.zeros(rows), np.zeros(rows)
    for at, left, right in _pairs(lists, k):
        shared = matrix[left].multiply(matrix[right]).sum(axis=1)
        union = sizes[left] + sizes[right] - shared
        tagged = union > 0
        sums += np.bincount(at[tagged], 1 - shared[tagged] / union[tagged], rows)
        comparable += np.bincount(at[tagged], minlength=rows)
    return _ratio(sums, comparable)


def _pairs(lists: Retrieved, k: int) -> Iterator[tuple[Rows, Positions, Positions]]:
    """Every pair of items within a row's first ``k``, in blocks: row, one item, the other."""
    near = places(lists.rows) < k
    rows, items = lists.rows[near], lists.items[near]
    for apart in range(1, k):
        for start in range(0, len(rows) - apart, PAIRS):
            left = slice(start, min(start + PAIRS, len(rows) - apart))
            right = slice(left.start + apart, left.stop + apart)
            same = rows[left] == rows[right]
            yield rows[left][same], items[left][same], items[right][same]


def _indicators(tags: pl.Series) -> csr_array:
    """A sparse 0/1 matrix, items by tags."""
    table = pl.DataFrame({"item": np.arange(len(tags)), "tag": tags})
    if isinstance(tags.dtype, pl.List):
        table = table.explode("tag")
    table = table.drop_nulls().unique()
    codes = table["tag"].rank("dense").to_numpy().astype(np.int64) - 1
    shape = (len(tags), int(codes.max(initial=-1)) + 1)
    return csr_array((np.ones(len(codes), np.int32), (table["item"].to_numpy(), codes)), shape=shape)


def _ratio(sums: AnyArray, counts: AnyArray) -> Values:
    """``sums`` over ``counts``, NaN where a count is 0."""
    means: Values = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means


def _overall(values: Values) -> float | None:
    """The mean over rows that have a value, None where no row has."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else None
