"""What a user's events are divided by: the words of an attribute, the bands of a number, the items themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.errors import DeclarationError
from shortlist.base.growable import GrowableArray
from shortlist.base.items import CodedColumn, Items
from shortlist.base.types import AnyArray, Rows
from shortlist.features.vocabulary import Vocabulary


@dataclass(frozen=True)
class Band:
    """A number in ``bands`` bands that as many items each are in: ``by=("user", Band("price"))``."""

    attribute: str
    bands: int = 5

    def __post_init__(self) -> None:
        if self.bands < 2:
            raise DeclarationError(
                f"a band of {self.attribute!r}: it takes at least 2 bands, not {self.bands}"
            )

    def __str__(self) -> str:
        return f"{self.attribute}_band"

    def edges(self, numbers: AnyArray) -> list[float]:
        """The inner edges of the bands: quantiles of those numbers that are not missing."""
        present = numbers[~np.isnan(numbers)]
        if not len(present):
            return []
        quantiles: list[float] = np.quantile(present, np.arange(1, self.bands) / self.bands).tolist()
        return quantiles


Part = str | Band  # an attribute or a context that divides an owner's events


def learn_partition(part: Part, items: Items) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What training fixes of a partition, by its key: a vocabulary, or the edges of bands."""
    if isinstance(part, Band):
        yield _key(part), lambda: part.edges(items.table[part.attribute].to_numpy())
    elif part != ITEM:
        yield _key(part), lambda: list(Vocabulary.learn(items.table[part]).words)


class Partition:
    """Each item's words, or its band, or itself, as codes in [0, ``column.size``).

    A word that training has not met is none: an item that has no other words is in no part.
    """

    def __init__(self, part: Part, learned: Mapping[str, Any], items: Items) -> None:
        self._encode, size = _encoder(part, learned)
        row, code = self._encode(items.table, 0)
        self._offsets, self._codes = GrowableArray(_offsets(row, len(items))), GrowableArray(code)
        self._size = size

    @property
    def column(self) -> CodedColumn:
        """The parts of every item."""
        size = len(self._offsets) - 1 if self._size is None else self._size
        return CodedColumn(self._offsets.rows, self._codes.rows, size)

    def with_new_items(self, items: Items) -> Partition:
        """The same over ``items``, the catalogue with more at its end."""
        first = len(self._offsets) - 1
        row, code = self._encode(items.table[first:], first)
        longer = Partition.__new__(Partition)
        longer._encode, longer._size = self._encode, self._size
        more = self._offsets.rows[-1] + _offsets(row, len(items) - first)[1:]
        longer._offsets, longer._codes = self._offsets.appended(more), self._codes.appended(code)
        return longer


Encoder = Callable[[pl.DataFrame, int], tuple[Rows, AnyArray]]  # of a part of the catalogue: (row, code)


def _encoder(part: Part, learned: Mapping[str, Any]) -> tuple[Encoder, int | None]:
    """How items are encoded, and how many codes there are; None: as many as items."""
    if isinstance(part, Band):
        edges = np.array(learned[_key(part)], np.float64)

        def banded(table: pl.DataFrame, first: int) -> tuple[Rows, AnyArray]:  # noqa: ARG001
            numbers = table[part.attribute].to_numpy()
            row = np.flatnonzero(~np.isnan(numbers))
            return row, np.searchsorted(edges, numbers[row], side="right")

        return banded, part.bands
    if part == ITEM:
        return lambda table, first: (np.arange(len(table)), first + np.arange(len(table))), None
    vocabulary = Vocabulary(learned[_key(part)])
    return lambda table, first: vocabulary.encode(table[part]), len(vocabulary)  # noqa: ARG005


def _key(part: Part) -> str:
    return f"bands.{part.attribute}.{part.bands}" if isinstance(part, Band) else f"words.item.{part}"


def _offsets(row: Rows, rows: int) -> Rows:
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
