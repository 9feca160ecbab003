"""Cells as the engine wants them: keys are words, moments are microseconds, numbers are floats.

Each kind has two readings that agree. The *quick* one is a Polars expression that runs inside the scan and
gives null for text it is not sure of; the *careful* one takes the few rows that are left, as a Series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import polars as pl

SECONDS = 100_000_000_000  # a number below is seconds since 1970 (up to the year 5138),
MILLISECONDS = 1000 * SECONDS  # below this milliseconds,
MICROSECONDS = 1000 * MILLISECONDS  # below this microseconds, else nanoseconds
EXACT = 2**53  # floats below have no gaps between whole numbers
COMMON_CLOCKS = [  # those that Polars reads fastest first
    f"%Y-%m-%d{between}%H:%M:%S{fraction}{zone}"
    for fraction in ("", ".%3f", ".%6f", "%.f")
    for between in "T "
    for zone in ("", "Z", "+0000", "+00:00", "%z")
] + ["%Y-%m-%d"]
CLOCKS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M%z", "%Y-%m-%d")


def quick_key(column: str, kind: pl.DataType) -> pl.Expr:
    """A key as a word; 318.0 is "318"."""
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


def unsure(key: pl.Expr) -> pl.Expr:
    """Whether a quick key needs a careful look: it may be missing, have blanks around it, or be a float."""
    return key.is_null() | (key.str.len_bytes() == 0) | _any_end(key)


def _any_end(key: pl.Expr) -> pl.Expr:
    return key.str.starts_with(" ") | key.str.ends_with(" ") | key.str.ends_with(".0")


def careful_key(cells: pl.Series) -> pl.Series:
    """Keys of cells that are words already; null where a cell has none."""
    tidy = cells.cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0$", "$1")
    return tidy.to_frame("key").select(pl.when(pl.col("key") != "").then("key")).to_series()


def context_text(columns: Mapping[str, str], kinds: pl.Schema) -> pl.Expr:
    """The JSON text of ``name -> column``, as ``base.contexts.to_text`` writes it; null where all cells are empty."""
    said = []
    for name, column in sorted(columns.items()):
        word = quick_key(column, kinds[column]).str.strip_chars()
        pair = pl.struct(word.alias(name)).struct.json_encode().str.strip_chars("{}")
        said.append(pl.when(word.str.len_bytes() > 0).then(pair))
    whole = pl.concat_str(said, separator=",", ignore_nulls=True)
    return pl.when(pl.any_horizontal(each.is_not_null() for each in said)).then("{" + whole + "}")


def clock(sample: pl.Series) -> str | None:
    """The form in which most of some words tell the time; None: as numbers, or in no common form."""
    if sample.dtype != pl.String:
        return None
    fits = {form: sample.str.to_datetime(form, strict=False).count() for form in COMMON_CLOCKS}
    best = max(fits, key=lambda form: fits[form])
    return best if fits[best] > len(sample) / 2 else None


def quick_moment(column: str, kind: pl.DataType, form: str | None = None) -> pl.Expr:
    """Microseconds since 1970; a time without a zone is UTC. ``form`` is the `clock` of words."""
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


def careful_moment(cells: pl.Series) -> pl.Series:
    """Microseconds of any text that is a number or an ISO date or time; null where it is neither."""
    text = cells.cast(pl.String).str.strip_chars()
    found = pl.Series(values=[None] * len(text), dtype=pl.Int64)
    readings: list[Callable[[pl.Series], pl.Series]] = [_of_whole, _of_fraction]
    readings += [partial(_of_clock, form) for form in CLOCKS]
    for read in readings:
        rest = (found.is_null() & text.is_not_null()).arg_true()
        if not len(rest):
            break
        found = found.scatter(rest, read(text.gather(rest)))
    return found


def quick_number(column: str, kind: pl.DataType) -> pl.Expr:
    """A float; null where the cell is none."""
    if kind.is_nested() or kind.is_temporal():
        return _null().cast(pl.Float64)
    return pl.col(column).cast(pl.Float64, strict=False)


def careful_number(cells: pl.Series) -> pl.Series:
    """Floats of any text that is a number; null where it is none."""
    return cells.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)


def words(column: str) -> pl.Expr:
    """A cell as it stood in its table, for the quarantine and for messages."""
    return pl.col(column).cast(pl.String, strict=False)


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


def _of_whole(texts: pl.Series) -> pl.Series:
    return texts.to_frame("x").select(_scaled(pl.col("x").cast(pl.Int64, strict=False))).to_series()


def _of_fraction(texts: pl.Series) -> pl.Series:
    return texts.to_frame("x").select(_scaled_float(pl.col("x").cast(pl.Float64, strict=False))).to_series()


def _of_clock(form: str, texts: pl.Series) -> pl.Series:
    plain = texts.str.replace("T", " ", literal=True).str.replace_all("/", "-", literal=True)
    zoneless = plain.str.replace(r" ?(Z|UTC|GMT)$", "")
    return zoneless.str.to_datetime(form, strict=False, time_unit="us").to_physical()
