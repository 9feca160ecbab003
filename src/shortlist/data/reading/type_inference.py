"""Attributes of the catalogue: from cells to columns of a kind, and the kind itself where none is declared."""

from __future__ import annotations

import polars as pl

from shortlist.data.reading.parsing import (
    careful_key,
    careful_moment,
    careful_number,
    quick_key,
    quick_moment,
)
from shortlist.system.entity import Attribute, Category, Number, Tags, Text, Time, Vector, Year

LOOK = 10_000  # cells decide the kind
MOST = 0.95  # of them read as numbers, or times, are enough
WORDY = 4.0  # words in the mean cell of a text
RARE = 0.9  # different cells over all cells of a text, where there are enough to say
ENOUGH = 50


def kind_name(attribute: Attribute) -> str:
    """What the schema calls an attribute's kind: number, category, text, tags, year, time or vector."""
    return type(attribute).__name__.lower()


def inferred(name: str, cells: pl.Series) -> Attribute:
    """The kind of an attribute that is declared by its column only.

    ``title`` is text. Otherwise the column's type says: numbers, times, lists (of fractions a vector, else tags).
    Words are numbers or times where nearly all can be read so, tags where bars are between them, text where cells
    are long or nearly all different, else a category.
    """
    kind = cells.dtype
    if name == "title":
        chosen: type[Attribute] = Text
    elif kind.is_numeric():
        chosen = Number
    elif kind.is_temporal():
        chosen = Time
    elif kind.is_nested():
        chosen = Vector if isinstance(kind, pl.List | pl.Array) and kind.inner.is_float() else Tags
    else:
        chosen = _of_words(careful_key(cells.cast(pl.String).drop_nulls().head(LOOK)).drop_nulls())
    return chosen(cells.name)


def _of_words(cells: pl.Series) -> type[Attribute]:
    count = len(cells)
    if count and careful_number(cells).count() >= MOST * count:
        return Number
    if count and careful_moment(cells).count() >= MOST * count:
        return Time
    if cells.str.contains("|", literal=True).any():
        return Tags
    long = cells.str.count_matches(r"\S+").sum() > WORDY * count
    different = count > ENOUGH and cells.n_unique() > RARE * count
    return Text if long or different or not count else Category


def typed(attribute: Attribute, cells: pl.Series) -> pl.Series:
    """The attribute's column: Float64 (number, year), String (category, text), List[String] (tags),
    List[Float32] (vector), or Int64 microseconds (time); null where a cell cannot be read so.
    """
    match attribute:
        case Number():
            return _number(cells)
        case Year():
            return _year(cells)
        case Time():
            return (
                careful_moment(cells)
                if cells.dtype == pl.String
                else _one(cells, quick_moment(cells.name, cells.dtype))
            )
        case Tags(separator=separator):
            return _tags(cells, separator)
        case Vector():
            return _vector(cells)
        case _:
            return careful_key(_one(cells, quick_key(cells.name, cells.dtype)))


def _one(cells: pl.Series, expression: pl.Expr) -> pl.Series:
    return cells.to_frame().select(expression).to_series()


def _number(cells: pl.Series) -> pl.Series:
    if cells.dtype.is_nested() or cells.dtype.is_temporal():
        return pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64)
    found = careful_number(cells) if cells.dtype == pl.String else cells.cast(pl.Float64, strict=False)
    return _one(found.rename(cells.name), pl.when(pl.col(cells.name).is_finite()).then(pl.col(cells.name)))


def _year(cells: pl.Series) -> pl.Series:
    if cells.dtype in (pl.Date, pl.Datetime):
        return cells.dt.year().cast(pl.Float64)
    if cells.dtype != pl.String:
        return _number(cells)
    text = pl.col(cells.name).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    at_end, at_start = text.str.extract(r"\((\d{4})\)\s*$"), text.str.extract(r"^(\d{4})[-/]\d")
    return _one(
        cells,
        pl.coalesce(
            pl.when(number.is_finite()).then(number), at_end.cast(pl.Float64), at_start.cast(pl.Float64)
        ),
    )


def _tags(cells: pl.Series, separator: str) -> pl.Series:
    if cells.dtype.is_nested():
        lists = cells.cast(pl.List(pl.String), strict=False)
    else:
        lists = _one(cells, quick_key(cells.name, cells.dtype)).str.split(separator)
    tags = pl.element().str.strip_chars()
    return lists.list.eval(tags.filter(tags != ""))


def _vector(cells: pl.Series) -> pl.Series:
    """Lists of finite numbers, or words such as "[0.5, 1]", as long as most are."""
    if cells.dtype.is_nested():
        lists = cells.cast(pl.List(pl.Float32), strict=False)
    else:
        parts = cells.cast(pl.String, strict=False).str.strip_chars(" []").str.split(",")
        lists = parts.list.eval(pl.element().str.strip_chars()).cast(pl.List(pl.Float32), strict=False)
    lengths = lists.list.len()
    prior = max(lengths.drop_nulls().mode(), default=0)
    finite = lists.list.eval(pl.element().is_finite().fill_null(False)).list.all()
    whole = finite & (lengths == prior) & (lengths > 0)
    return _one(lists.rename(cells.name), pl.when(whole).then(pl.col(cells.name)))
