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

MAX_CHUNKS = 256  # of a table that grew row by row; beyond, look-ups by position get slow
HINT_KEYS = 10_000  # that are compared with an unknown key
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
        self._count = len(table)

    def __len__(self) -> int:
        return self._count

    def with_new_items(self, rows: pl.DataFrame, pictures: Pictures | None = None) -> Items:
        """The same catalogue and, after its end, items that it does not have yet. Costs as much as the new rows.

        The two share one index of keys; this one goes on without the new items. A catalogue that has grown already
        keeps its index to that one, and the next gets one of its own, which costs as much as the catalogue.
        """
        keys, positions = list(self.keys) if len(self.keys) > self._count else self.keys, self._positions
        assert isinstance(keys, list)
        if len(keys) > self._count:
            del keys[self._count :]
            positions = {key: position for position, key in enumerate(keys)}
        extended = object.__new__(Items)
        table = pl.concat([self.table, rows])
        extended.table = table.rechunk() if table.n_chunks() > MAX_CHUNKS else table
        extended.pictures = pictures or self.pictures
        for position, key in enumerate(rows[ITEM].to_list(), self._count):
            keys.append(key)
            positions[key] = position
        extended.keys, extended._positions, extended._count = keys, positions, len(table)
        return extended

    def position(self, key: str) -> int:
        """The position of the item ``key``; NotFoundError with a hint where there is none."""
        position = self._positions.get(key, self._count)
        if position >= self._count:
            raise NotFoundError(f"no item {key!r}: {did_you_mean(key, self.keys[:HINT_KEYS])}")
        return position

    def positions(self, keys: Iterable[str]) -> Positions:
        """Positions of ``keys``; -1 where an item is unknown."""
        positions = np.array([self._positions.get(key, -1) for key in keys], dtype=np.int32)
        positions[positions >= self._count] = -1  # of a catalogue that has grown since
        return positions

    def titles(self, positions: AnyArray) -> list[str]:
        """What to call each item: its ``title`` attribute, else its key."""
        keys = [self.keys[position] for position in positions.tolist()]
        if "title" not in self.table.columns or not keys:
            return keys
        column = self.table["title"]  # read one by one: gathering twenty takes ten times as long
        titles = [column[position] for position in positions.tolist()]
        return [key if title is None else str(title) for title, key in zip(titles, keys, strict=True)]

    def title(self, position: int) -> str:
        """What to call the item: its ``title`` attribute, else its key."""
        return self.titles(np.array([position]))[0]

    def words(self, attribute: str) -> CodedColumn:
        """The words of a tags or category attribute; an item without has none."""
        table = pl.DataFrame({"item": np.arange(len(self)), "word": self.table[attribute]})
        if isinstance(table.schema["word"], pl.List):
            table = table.explode("word")
        table = (
            table.drop_nulls().unique().with_columns(pl.col("word").rank("dense") - 1).sort("item", "word")
        )
        counts = np.bincount(table["item"].to_numpy(), minlength=len(self))
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
        exploded = self.table.select(pl.col(attribute).alias("hash")).with_row_index("item")
        exploded = exploded.explode("hash").drop_nulls()
        return exploded["item"].to_numpy().astype(np.int32), exploded["hash"].bin.encode("hex").to_list()

    def picture(self, position: int) -> Picture:
        """The first picture of an item. Raises NotFoundError where it has none."""
        hash = self.picture_hash(position)
        if hash is None or self.pictures is None:
            raise NotFoundError(f"item {self.keys[position]!r} has no picture")
        return self.pictures.read(hash)

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
