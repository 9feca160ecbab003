"""The words of an attribute as training met them. A word that came later is unknown, everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import polars as pl

from shortlist.base.types import AnyArray, Rows

UNKNOWN = -1


class Vocabulary:
    """Words by code: the word of code ``c`` is ``words[c]``."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)

    @classmethod
    def learn(cls, column: pl.Series, size: int | None = None) -> Vocabulary:
        """The ``size`` (None: all) words that most rows have, the most frequent first, ties by the alphabet."""
        counts = _cells(column).unique().group_by("word").len()
        words = counts.sort("len", "word", descending=[True, False])["word"]
        return cls((words if size is None else words.head(size)).to_list())

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, column: pl.Series) -> tuple[Rows, AnyArray]:
        """Every known word of every row, once: (row, code), sorted by both."""
        pairs = _cells(column).join(self._codes, on="word").select("row", "code").unique().sort("row", "code")
        return pairs["row"].to_numpy().astype(np.int64), pairs["code"].to_numpy().astype(np.int64)

    def codes(self, column: pl.Series) -> AnyArray:
        """The code of the one word of each row, int32; UNKNOWN where it is missing or was not met in training."""
        codes = np.full(len(column), UNKNOWN, np.int32)
        row, code = self.encode(column)
        codes[row] = code
        return codes

    @cached_property
    def _codes(self) -> pl.DataFrame:
        return pl.DataFrame(
            {"word": self.words, "code": np.arange(len(self))}, schema_overrides={"word": pl.String}
        )


def _cells(column: pl.Series) -> pl.DataFrame:
    """Each word with its row."""
    table = pl.DataFrame({"row": np.arange(len(column)), "word": column})
    if isinstance(column.dtype, pl.List):
        table = table.explode("word")
    return table.drop_nulls()
