"""What kinds of attributes the table of an entity has."""

from __future__ import annotations

from collections.abc import Callable, Collection

import polars as pl

from shortlist.base.columns import ITEM, USER
from shortlist.system.entity import Category, Entity, Text

TITLE = "title"  # names an item for users; it is no category even where several items share it
MAX_WORDS_PER_CELL = 0.5  # different words to words: above it nearly every row has words of its own
KINDS: dict[str, Callable[[pl.DataType], bool]] = {
    "words": lambda dtype: dtype in (pl.String, pl.List(pl.String)),  # category, tags, text
    "number": lambda dtype: dtype.is_float(),
    "time": lambda dtype: dtype.is_integer(),
    "vector": lambda dtype: isinstance(dtype, pl.List) and dtype.inner.is_float(),
}


def attributes_of(table: pl.DataFrame, kind: str) -> list[str]:
    """The attributes of a ``kind``: ``words`` (category, tags, text), ``number``, ``time`` or ``vector``."""
    return [name for name, dtype in table.schema.items() if name not in {ITEM, USER} and KINDS[kind](dtype)]


def is_shared(column: pl.Series) -> bool:
    """Whether rows have words in common; where nearly every row has its own, words say nothing about others."""
    words = column.explode() if isinstance(column.dtype, pl.List) else column
    words = words.drop_nulls()
    return words.n_unique() <= MAX_WORDS_PER_CELL * max(len(words), 1)


def categories_of(table: pl.DataFrame, entity: Entity | None, excluded: Collection[str] = ()) -> list[str]:
    """The categories: attributes declared as such, and columns of single words that rows share; no tags, no texts."""
    declared = {} if entity is None else entity.attributes
    categories = []
    for name in attributes_of(table, "words"):
        kind = declared.get(name)
        if table.schema[name] != pl.String or name in {TITLE, *excluded} or isinstance(kind, Text):
            continue
        if isinstance(kind, Category) or is_shared(table[name]):
            categories.append(name)
    return categories
