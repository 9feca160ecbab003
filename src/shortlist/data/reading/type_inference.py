"""Attributes of entities: from cells to typed columns, and the kind itself where none is declared."""

from __future__ import annotations

import polars as pl

from shortlist.data.reading.parsing import (
    fast_key,
    fast_moment,
    tolerant_key,
    tolerant_moment,
    tolerant_number,
)
from shortlist.system.entity import Attribute, Category, Number, Tags, Text, Time, Vector, Year

SAMPLE_CELLS = 10_000  # cells from which a kind is inferred
PARSED_SHARE = 0.95  # of the cells must parse for a number, or a time
TEXT_MEAN_WORDS = 4.0  # a column with longer cells is text
TEXT_DISTINCT_SHARE = 0.9  # a column with more distinct cells is text,
TEXT_MIN_CELLS = 50  # where it has more cells than this


def kind_name(attribute: Attribute) -> str:
    """What the schema calls an attribute's kind: number, category, text, tags, year, time or vector."""
    return type(attribute).__name__.lower()


def infer_attribute(name: str, cells: pl.Series) -> Attribute:
    """The kind of an attribute that is declared by its column only.

    ``title`` is text. Otherwise the column's type decides: numbers, times, lists (of floats a vector, else tags).
    Strings are numbers or times where nearly all parse, tags where a cell has a bar, text where cells are long or
    nearly all distinct, else a category.
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
        chosen = _of_strings(tolerant_key(cells.cast(pl.String).drop_nulls().head(SAMPLE_CELLS)).drop_nulls())
    return chosen(cells.name)


def _of_strings(cells: pl.Series) -> type[Attribute]:
    count = len(cells)
    if count and tolerant_number(cells).count() >= PARSED_SHARE * count:
        return Number
    if count and tolerant_moment(cells).count() >= PARSED_SHARE * count:
        return Time
    if cells.str.contains("|", literal=True).any():
        return Tags
    long = cells.str.count_matches(r"\S+").sum() > TEXT_MEAN_WORDS * count
    distinct = count > TEXT_MIN_CELLS and cells.n_unique() > TEXT_DISTINCT_SHARE * count
    return Text if long or distinct or not count else Category


def typed_column(attribute: Attribute, cells: pl.Series) -> pl.Series:
    """The attribute's column: Float64 (number, year), String (category, text), List[String] (tags),
    List[Float32] (vector), or Int64 microseconds (time); null where a cell does not parse.
    """
    match attribute:
        case Number():
            return _number(cells)
        case Year():
            return _year(cells)
        case Time():
            return (
                tolerant_moment(cells)
                if cells.dtype == pl.String
                else _evaluate(cells, fast_moment(cells.name, cells.dtype))
            )
        case Tags(separator=separator):
            return _tags(cells, separator)
        case Vector():
            return _vector(cells)
        case _:
            return tolerant_key(_evaluate(cells, fast_key(cells.name, cells.dtype)))


def _evaluate(cells: pl.Series, expression: pl.Expr) -> pl.Series:
    return cells.to_frame().select(expression).to_series()


def _number(cells: pl.Series) -> pl.Series:
    if cells.dtype.is_nested() or cells.dtype.is_temporal() or cells.dtype == pl.Binary:
        return pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64)
    numbers = tolerant_number(cells) if cells.dtype == pl.String else cells.cast(pl.Float64, strict=False)
    return _evaluate(
        numbers.rename(cells.name), pl.when(pl.col(cells.name).is_finite()).then(pl.col(cells.name))
    )


def _year(cells: pl.Series) -> pl.Series:
    if cells.dtype in (pl.Date, pl.Datetime):
        return cells.dt.year().cast(pl.Float64)
    if cells.dtype != pl.String:
        return _number(cells)
    text = pl.col(cells.name).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    at_end, at_start = text.str.extract(r"\((\d{4})\)\s*$"), text.str.extract(r"^(\d{4})[-/]\d")
    return _evaluate(
        cells,
        pl.coalesce(
            pl.when(number.is_finite()).then(number), at_end.cast(pl.Float64), at_start.cast(pl.Float64)
        ),
    )


def _tags(cells: pl.Series, separator: str) -> pl.Series:
    if cells.dtype.is_nested():
        lists = cells.cast(pl.List(pl.String), strict=False)
    else:
        lists = _evaluate(cells, fast_key(cells.name, cells.dtype)).str.split(separator)
    tags = pl.element().str.strip_chars()
    return lists.list.eval(tags.filter(tags != ""))


def _vector(cells: pl.Series) -> pl.Series:
    """Lists of finite numbers, or strings such as "[0.5, 1]"; null where the length is not the most common one."""
    if cells.dtype.is_nested():
        lists = cells.cast(pl.List(pl.Float32), strict=False)
    else:
        parts = cells.cast(pl.String, strict=False).str.strip_chars(" []").str.split(",")
        lists = parts.list.eval(pl.element().str.strip_chars()).cast(pl.List(pl.Float32), strict=False)
    lengths = lists.list.len()
    length = max(lengths.drop_nulls().mode(), default=0)
    finite = lists.list.eval(pl.element().is_finite().fill_null(False)).list.all()
    whole = finite & (lengths == length) & (lengths > 0)
    return _evaluate(lists.rename(cells.name), pl.when(whole).then(pl.col(cells.name)))
