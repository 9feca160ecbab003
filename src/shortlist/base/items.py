"""The catalogue inside the engine: items are integer positions, attributes are columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.errors import NotFoundError
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Mask, Picture, Positions, Rows

PICTURES = pl.List(pl.Binary)  # the type of a picture column: content hashes, nothing else has it


@dataclass(frozen=True)
class CodedColumn:
    """The words of an attribute, as codes: item ``i`` has ``codes[offsets[i]:offsets[i + 1]]``."""

    offsets: Rows  # int64[items + 1]
    codes: AnyArray  # int64[words], sorted within an item
    size: int  # how many different words there are

    def take(self, items: Positions) -> tuple[Rows, AnyArray]:
        """The words of many items, flat: (place in ``items``, code) for each word."""
        if self._one_each:
            return np.arange(len(items)), self.codes[items]
        starts = self.offsets[items]
        lengths = self.offsets[items + 1] - starts
        place = np.repeat(np.arange(len(items)), lengths)
        before = np.cumsum(lengths) - lengths
        return place, self.codes[np.arange(len(place)) + np.repeat(starts - before, lengths)]

    @cached_property
    def _one_each(self) -> bool:
        """Whether every item has one word, as with most categories."""
        return len(self.codes) == len(self.offsets) - 1 and bool((np.diff(self.offsets) == 1).all())


class Pictures(Protocol):
    """Where pictures are kept by their content hashes."""

    def read(self, hash: str) -> Picture:
        """The picture with the content hash, in hexadecimal. Raises NotFoundError."""


class Items:
    """Every item of a catalogue, in a fixed order; ``table`` has the column ``item`` and the attributes.

    Attribute columns are Float (numbers, years), String (categories, text), List[String] (tags), Int64
    (moments, microseconds) or PICTURES, which are kept in ``pictures``.
    """

    def __init__(self, table: pl.DataFrame, pictures: Pictures | None = None) -> None:
        self.table, self.pictures = table, pictures
        self.keys: Sequence[str] = table[ITEM].to_list()
        self._positions = {key: position for position, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def position(self, key: str) -> int:
        """The position of the item ``key``; NotFoundError with a hint where there is none."""
        found = self._positions.get(key)
        if found is None:
            raise NotFoundError(f"no item {key!r}: {did_you_mean(key, self.keys[:10_000])}")
        return found

    def positions(self, keys: Iterable[str]) -> Positions:
        """Positions of ``keys``; -1 where an item is unknown."""
        return np.array([self._positions.get(key, -1) for key in keys], dtype=np.int32)

    def title(self, position: int) -> str:
        """What a person calls the item: its ``title`` attribute, else its key."""
        if "title" in self.table.columns:
            title = self.table["title"][int(position)]
            if title is not None:
                return str(title)
        return self.keys[position]

    def words(self, attribute: str) -> CodedColumn:
        """The words of a tags or category attribute; an item without has none."""
        table = pl.DataFrame({"place": np.arange(len(self)), "word": self.table[attribute]})
        if isinstance(table.schema["word"], pl.List):
            table = table.explode("word")
        table = (
            table.drop_nulls().unique().with_columns(pl.col("word").rank("dense") - 1).sort("place", "word")
        )
        counts = np.bincount(table["place"].to_numpy(), minlength=len(self))
        codes = table["word"].to_numpy().astype(np.int64)
        return CodedColumn(np.concatenate([[0], np.cumsum(counts)]), codes, int(codes.max(initial=-1)) + 1)

    @property
    def pictured(self) -> Mask:
        """Which items have a picture, bool[items]."""
        some = np.zeros(len(self), bool)
        for name in self._picture_columns:
            some |= (self.table[name].list.len().fill_null(0) > 0).to_numpy()
        return some

    def hashes(self, attribute: str) -> tuple[Positions, list[str]]:
        """Every picture of an attribute: the item it is of (int32[pictures], rising), and its hash in hexadecimal."""
        found = self.table.select(pl.col(attribute).alias("hash")).with_row_index("item")
        found = found.explode("hash").drop_nulls()
        return found["item"].to_numpy().astype(np.int32), found["hash"].bin.encode("hex").to_list()

    def picture(self, position: int) -> Picture:
        """The first picture of an item. Raises NotFoundError where it has none."""
        hash = self.picture_hash(position)
        if hash is None or self.pictures is None:
            raise NotFoundError(f"item {self.keys[position]!r} has no picture")
        return self.pictures.read(hash)

    def extended(self, rows: pl.DataFrame) -> Items:
        """The same catalogue and, after its end, items that it does not have yet."""
        return Items(pl.concat([self.table, rows]), self.pictures)

    def without_pictures(self, positions: Positions) -> Items:
        """The same catalogue, but the given items have none."""
        gone = np.zeros(len(self), bool)
        gone[positions] = True
        empty = pl.lit([], dtype=PICTURES)
        columns = [
            pl.when(pl.lit(pl.Series(gone))).then(empty).otherwise(pl.col(name)).alias(name)
            for name in self._picture_columns
        ]
        return Items(self.table.with_columns(columns), self.pictures)

    def picture_hash(self, position: int) -> str | None:
        """The content hash of an item's first picture, in hexadecimal; None where it has none."""
        for name in self._picture_columns:
            hashes = self.table[name][position]
            if hashes is not None and len(hashes):
                return str(hashes[0].hex())
        return None

    @property
    def _picture_columns(self) -> list[str]:
        return [name for name, kind in self.table.schema.items() if kind == PICTURES]
