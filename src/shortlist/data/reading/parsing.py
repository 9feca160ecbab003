"""Cells parsed into the engine's types: keys are strings, moments are microseconds, numbers are floats.

Each type has two parsers that agree. The *fast* one is a Polars expression that runs inside the scan and gives
null for text that it cannot parse; the *tolerant* one parses the few rows that are left, as a Series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import polars as pl

SECONDS = 100_000_000_000  # a number below is seconds since 1970 (up to the year 5138),
MILLISECONDS = 1000 * SECONDS  # below this milliseconds,
MICROSECONDS = 1000 * MILLISECONDS  # below this microseconds, else nanoseconds
MAX_CELL_TEXT = 200  # characters of a list or of bytes
EXACT = 2**53  # floats below have no gaps between whole numbers
FAST_DATETIME_FORMATS = [  # those that Polars reads fastest first
    f"%Y-%m-%d{between}%H:%M:%S{fraction}{zone}"
    for fraction in ("", ".%3f", ".%6f", "%.f")
    for between in "T "
    for zone in ("", "Z", "+0000", "+00:00", "%z")
] + ["%Y-%m-%d"]
DATETIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M%z",
    "%Y-%m-%d",
)


def fast_key(column: str, kind: pl.DataType) -> pl.Expr:
    """A key as a string; 318.0 is "318"."""
    cell = pl.col(column)
    if kind == pl.String:
        return cell
    if kind.is_float() or kind.is_decimal():
        whole = (cell % 1 == 0) & (cell.abs() < EXACT)
        number = pl.when(cell.is_finite()).then(cell) if kind.is_float() else cell
        return (
            pl.when(whole)
            .then(cell.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(number.cast(pl.String))
        )
    return _null() if kind.is_nested() else cell.cast(pl.String, strict=False)


def is_doubtful_key(key: pl.Expr) -> pl.Expr:
    """Whether a key must be parsed tolerantly: it may be missing, padded with blanks, or a float."""
    return key.is_null() | (key.str.len_bytes() == 0) | _any_end(key)


def _any_end(key: pl.Expr) -> pl.Expr:
    return key.str.starts_with(" ") | key.str.ends_with(" ") | key.str.ends_with(".0")


def tolerant_key(cells: pl.Series) -> pl.Series:
    """Keys of cells that are strings already; null where a cell has none."""
    tidy = cells.cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0$", "$1")
    return tidy.to_frame("key").select(pl.when(pl.col("key") != "").then("key")).to_series()


def context_text(columns: Mapping[str, str], kinds: pl.Schema) -> pl.Expr:
    """The JSON text of ``name -> column``, as ``base.contexts.to_text`` writes it; null where all cells are empty."""
    pairs = []
    for name, column in sorted(columns.items()):
        value = fast_key(column, kinds[column]).str.strip_chars()
        pair = pl.struct(value.alias(name)).struct.json_encode().str.strip_chars("{}")
        pairs.append(pl.when(value.str.len_bytes() > 0).then(pair))
    text = pl.concat_str(pairs, separator=",", ignore_nulls=True)
    return pl.when(pl.any_horizontal(pair.is_not_null() for pair in pairs)).then("{" + text + "}")


def datetime_format(sample: pl.Series) -> str | None:
    """The format that parses most of some strings as times; None: they are numbers, or of no common format."""
    if sample.dtype != pl.String:
        return None
    fits = {form: sample.str.to_datetime(form, strict=False).count() for form in FAST_DATETIME_FORMATS}
    best = max(fits, key=lambda form: fits[form])
    return best if fits[best] > len(sample) / 2 else None


def fast_moment(column: str, kind: pl.DataType, form: str | None = None) -> pl.Expr:
    """Microseconds since 1970; a time without a zone is UTC. ``form``: the `datetime_format` of strings."""
    cell = pl.col(column)
    if kind == pl.String and form:
        return cell.str.to_datetime(form, strict=False, time_unit="us").to_physical()
    if kind == pl.String or kind.is_integer():
        return _scaled(cell.cast(pl.Int64, strict=False))
    if kind.is_float() or kind.is_decimal():
        return _scaled_float(cell.cast(pl.Float64))
    if kind in (pl.Date, pl.Datetime):
        return cell.cast(pl.Datetime("us", getattr(kind, "time_zone", None))).to_physical()
    return _null().cast(pl.Int64)


def tolerant_moment(cells: pl.Series) -> pl.Series:
    """Microseconds of any text that is a number or an ISO date or time; null where it is neither."""
    text = cells.cast(pl.String).str.strip_chars()
    moments = pl.Series(values=[None] * len(text), dtype=pl.Int64)
    parsers: list[Callable[[pl.Series], pl.Series]] = [_of_integer, _of_decimal]
    parsers += [partial(_of_datetime, form) for form in DATETIME_FORMATS]
    for parse in parsers:
        rest = (moments.is_null() & text.is_not_null()).arg_true()
        if not len(rest):
            break
        moments = moments.scatter(rest, parse(text.gather(rest)))
    return moments


def fast_number(column: str, kind: pl.DataType) -> pl.Expr:
    """A float; null where the cell is none."""
    if kind.is_nested() or kind.is_temporal():
        return _null().cast(pl.Float64)
    return pl.col(column).cast(pl.Float64, strict=False)


def tolerant_number(cells: pl.Series) -> pl.Series:
    """Floats of any text that is a number; null where it is none."""
    return cells.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)


def cell_text(cells: pl.Series) -> pl.Series:
    """The text of cells as read, for the quarantine and for messages; lists and bytes are cut short."""
    if cells.dtype.is_nested() or cells.dtype == pl.Binary:
        texts = [None if value is None else str(value)[:MAX_CELL_TEXT] for value in cells.to_list()]
        return pl.Series(cells.name, texts, dtype=pl.String)
    return cells.cast(pl.String, strict=False)


def _null() -> pl.Expr:
    return pl.lit(None, pl.String)


def _scaled(number: pl.Expr) -> pl.Expr:
    size = number.abs()
    return (
        pl.when(size < SECONDS).then(number * 1_000_000)
        .when(size < MILLISECONDS).then(number * 1000)
        .when(size < MICROSECONDS).then(number)
        .otherwise(number // 1000)
    )  # fmt: skip


def _scaled_float(number: pl.Expr) -> pl.Expr:
    return _scaled(number).round().cast(pl.Int64, strict=False)


def _of_integer(texts: pl.Series) -> pl.Series:
    return texts.to_frame("x").select(_scaled(pl.col("x").cast(pl.Int64, strict=False))).to_series()


def _of_decimal(texts: pl.Series) -> pl.Series:
    return texts.to_frame("x").select(_scaled_float(pl.col("x").cast(pl.Float64, strict=False))).to_series()


def _of_datetime(form: str, texts: pl.Series) -> pl.Series:
    plain = texts.str.replace("T", " ", literal=True).str.replace_all("/", "-", literal=True)
    zoneless = plain.str.replace(r" ?(Z|UTC|GMT)$", "")
    return zoneless.str.to_datetime(form, strict=False, time_unit="us").to_physical()
