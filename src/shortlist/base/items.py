"""The catalogue inside the engine: items are integer positions, attributes are columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from shortlist.base.columns import ITEM
from shortlist.base.errors import NotFoundError
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Positions, Rows


@dataclass(frozen=True)
class Words:
    """The words of an attribute, as codes: item ``i`` has ``codes[offsets[i]:offsets[i + 1]]``."""

    offsets: Rows  # int64[items + 1]
    codes: AnyArray  # int64[words], sorted within an item
    size: int  # how many different words there are

    def of(self, items: Positions) -> tuple[Rows, AnyArray]:
        """The words of many items, flat: (place in ``items``, code) for each word."""
        starts = self.offsets[items]
        lengths = self.offsets[items + 1] - starts
        place = np.repeat(np.arange(len(items)), lengths)
        before = np.cumsum(lengths) - lengths
        return place, self.codes[np.arange(len(place)) + np.repeat(starts - before, lengths)]


class Items:
    """Every item of a catalogue, in a fixed order; ``table`` has the column ``item`` and the attributes.

    Attribute columns are Float (numbers, years), String (categories, text), List[String] (tags) or Int64
    (moments, microseconds).
    """

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table
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

    def words(self, attribute: str) -> Words:
        """The words of a tags or category attribute; an item without has none."""
        table = pl.DataFrame({"place": np.arange(len(self)), "word": self.table[attribute]})
        if isinstance(table.schema["word"], pl.List):
            table = table.explode("word")
        table = (
            table.drop_nulls().unique().with_columns(pl.col("word").rank("dense") - 1).sort("place", "word")
        )
        counts = np.bincount(table["place"].to_numpy(), minlength=len(self))
        codes = table["word"].to_numpy().astype(np.int64)
        return Words(np.concatenate([[0], np.cumsum(counts)]), codes, int(codes.max(initial=-1)) + 1)
