"""The words of items that features are divided by, or made of: of attributes, of bands, of the items themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.items import CodedColumn, Items
from shortlist.base.types import AnyArray, Floats
from shortlist.system.features import Band, Part


def words_of(items: Items, part: Part) -> CodedColumn:
    """What ``by=("user", part)`` divides by: words, the bands of a number, or every item for itself."""
    if isinstance(part, Band):
        return _banded(items.table[part.attribute].to_numpy(), part.bands)
    if part == ITEM:
        return CodedColumn(np.arange(len(items) + 1), np.arange(len(items)), len(items))
    return items.words(part)


def shared(items: Items, attribute: str) -> bool:
    """Whether items have words in common; where nearly every item has its own, words tell nothing of others."""
    words = items.words(attribute)
    return words.size <= 0.5 * max(len(words.codes), 1)


def columns_of(items: Items, attribute: str, most: int) -> tuple[list[str], Floats]:
    """The ``most`` words that most items have, and who has them, float32[items, words]; NaN where one has none."""
    words = items.words(attribute)
    column = items.table[attribute]
    names = (column.explode() if isinstance(column.dtype, pl.List) else column).drop_nulls().unique().sort()
    counts = np.bincount(words.codes, minlength=words.size)
    chosen = np.argsort(-counts, kind="stable")[:most]
    place = np.full(words.size, -1)
    place[chosen] = np.arange(len(chosen))
    some = np.diff(words.offsets) > 0
    table = np.where(some[:, None], np.zeros(len(chosen), np.float32), np.float32(np.nan))
    owner = np.repeat(np.arange(len(items)), np.diff(words.offsets))
    kept = place[words.codes] >= 0
    table[owner[kept], place[words.codes[kept]]] = 1.0
    return [names[int(code)] for code in chosen], table


def _banded(numbers: AnyArray, bands: int) -> CodedColumn:
    known = np.flatnonzero(~np.isnan(numbers))
    edges = np.quantile(numbers[known], np.arange(1, bands) / bands) if len(known) else np.zeros(0)
    codes = np.searchsorted(edges, numbers[known], side="right")
    counts = np.bincount(known, minlength=len(numbers))
    return CodedColumn(np.concatenate([[0], np.cumsum(counts)]), codes, bands)


def named(items: Items, kind: str) -> list[str]:
    """The catalogue's attributes of a kind: ``words`` (category, tags, text), ``number``, ``time`` or ``vector``."""
    kinds: dict[str, Callable[[pl.DataType], bool]] = {
        "words": lambda dtype: dtype in (pl.String, pl.List(pl.String)),
        "number": lambda dtype: dtype.is_float(),
        "time": lambda dtype: dtype.is_integer(),
        "vector": lambda dtype: isinstance(dtype, pl.List) and dtype.inner.is_float(),
    }
    return [name for name, dtype in items.table.schema.items() if name != ITEM and kinds[kind](dtype)]
