"""From the rows of a table to events: parsed and validated, with a reason for each row that is rejected."""

from __future__ import annotations

from functools import reduce

import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, DAY, EVENT_ID, ITEM, USER, VALUE
from shortlist.data.reading.inputs import FAULT, ROW
from shortlist.data.reading.parsing import (
    cell_text,
    context_text,
    datetime_format,
    fast_key,
    fast_moment,
    fast_number,
    is_doubtful_key,
    tolerant_key,
    tolerant_moment,
    tolerant_number,
)
from shortlist.system.event import Event

REASON = "#reason"
DOUBTFUL = "#doubtful"
FORMAT_SAMPLE = 100  # cells from which the format of times is inferred


class EventRows:
    """How the rows of one input become events of one kind.

    ``now`` (microseconds) bounds plausible times: from 1970 to a day from now. Where the event has no time
    column, a row's place after ``first`` (microseconds) is its time. It was available by now at the latest.
    """

    def __init__(self, event: Event, now: int, first: int = 0) -> None:
        self.event = event
        self.now, self.latest = now, now + DAY
        self.first = first
        named = [event.user, event.item, event.at, event.value, event.id, event.available_at]
        self.columns = list(dict.fromkeys(filter(None, [*named, *event.context.values()])))

    def prepare(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The fast parse, inside the scan: event columns, the cells as read, and DOUBTFUL."""
        kinds = rows.collect_schema()
        event = self.event
        key = {name: fast_key(column, kinds[column]) for name, column in self._keys().items()}
        at = pl.col(ROW) - 1 + self.first
        if event.at:
            at = _moment(event.at, rows, kinds)
        value = fast_number(event.value, kinds[event.value]) if event.value else pl.lit(None, pl.Float64)
        more = [context_text(event.context, kinds).alias(CONTEXT)] if event.context else []
        doubts = [
            pl.col(FAULT).is_not_null(),
            *map(is_doubtful_key, key.values()),
            at.is_null(),
            (at < 0) | (at > self.latest),
        ]
        if event.value:
            doubts.append(self._wrong(value, pl.col(event.value)) | self._outside(value))
        if event.available_at:
            available = _moment(event.available_at, rows, kinds)
            doubts.append(available.is_null() & pl.col(event.available_at).is_not_null())
            more.append(available.alias(AVAILABLE_AT))
        return rows.select(
            ROW,
            FAULT,
            *(
                pl.col(column).alias(_cell(column))
                for column in self.columns
                if not self._is_key(column, kinds)
            ),
            *(expression.alias(name) for name, expression in key.items()),
            at.alias(AT),
            value.alias(VALUE),
            *more,
            reduce(pl.Expr.or_, (doubt.fill_null(False) for doubt in doubts)).alias(DOUBTFUL),
        )

    def split(self, batch: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The events, in order; and the rejected rows, each with a REASON."""
        doubted = batch[DOUBTFUL]
        if not doubted.any():
            return self._with_availability(batch), batch.clear().with_columns(
                pl.lit(None, pl.String).alias(REASON)
            )
        parsed = self._tolerant(batch.filter(doubted))
        passed = parsed.filter(pl.col(REASON).is_null())
        good = batch.filter(~doubted)
        if len(passed):
            good = pl.concat([good, passed.select(batch.columns)]).sort(ROW)
        return self._with_availability(good), parsed.filter(pl.col(REASON).is_not_null())

    def cells(self, rows: pl.DataFrame, file: str) -> pl.DataFrame:
        """Rows for the quarantine: the file, the row's number (1 is the first row of data), the reason, its cells."""
        rows = self._with_cells(rows)
        return rows.select(
            pl.lit(file).alias("file"),
            pl.col(ROW).alias("row"),
            pl.col(REASON).alias("reason"),
            *(cell_text(rows[_cell(column)]).alias(f"cell {column}") for column in self.columns),
        )

    def _with_availability(self, events: pl.DataFrame) -> pl.DataFrame:
        if not self.event.available_at:
            return events
        available = pl.min_horizontal(pl.col(AVAILABLE_AT).fill_null(pl.col(AT)), self.now)
        return events.with_columns(available.alias(AVAILABLE_AT))

    def _keys(self) -> dict[str, str]:
        keys = {USER: self.event.user, ITEM: self.event.item}
        return keys | ({EVENT_ID: self.event.id} if self.event.id else {})

    def _is_key(self, column: str, kinds: pl.Schema) -> bool:
        """Whether a column's cells are keys as read, and need not be carried twice."""
        return kinds[column] == pl.String and column in self._keys().values()

    def _with_cells(self, rows: pl.DataFrame) -> pl.DataFrame:
        keys = {_cell(column): name for name, column in self._keys().items()}
        return rows.with_columns(
            pl.col(name).alias(cell) for cell, name in keys.items() if cell not in rows.columns
        )

    def _tolerant(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows parsed again from their cells, with REASON, null where the row is valid."""
        rows = self._with_cells(rows)
        read = [tolerant_key(rows[name]).alias(name) for name in self._keys()]
        for name, column, reader in [
            (AT, self.event.at, tolerant_moment),
            (AVAILABLE_AT, self.event.available_at, tolerant_moment),
            (VALUE, self.event.value, tolerant_number),
        ]:
            if column and rows.schema[_cell(column)] == pl.String:
                read.append(reader(rows[_cell(column)]).alias(name))
        return rows.with_columns(read).with_columns(pl.coalesce(self._reasons(rows.schema)).alias(REASON))

    def _reasons(self, kinds: pl.Schema) -> list[pl.Expr]:
        """Why a row is rejected, the first reason that holds counts; each expression is null where it does not."""
        event = self.event
        filled = {column: _filled(_cell(column), kinds[_cell(column)]) for column in self.columns}
        at, value = pl.col(AT), pl.col(VALUE)
        tests = [(~pl.any_horizontal(filled.values()), "empty row")]
        tests += [(pl.col(name).is_null(), f"no {name.replace('_', ' ')}") for name in self._keys()]
        if event.at:
            tests += [(~filled[event.at], "no time"), (at.is_null(), "time not understood")]
        tests += [(at < 0, "time before 1970"), (at > self.latest, "time in the future")]
        if event.available_at:
            tests += [
                (pl.col(AVAILABLE_AT).is_null() & filled[event.available_at], "availability not understood")
            ]
        if event.value:
            tests += [(self._wrong(value, pl.when(filled[event.value]).then(1)), "value is not a number")]
        if event.value_range:
            low, high = event.value_range
            tests += [(self._outside(value), f"value outside {low:g} to {high:g}")]
        return [pl.col(FAULT), *(pl.when(test).then(pl.lit(reason)) for test, reason in tests)]

    def _wrong(self, value: pl.Expr, cell: pl.Expr) -> pl.Expr:
        return (value.is_null() & cell.is_not_null()) | ~value.is_finite().fill_null(True)

    def _outside(self, value: pl.Expr) -> pl.Expr:
        if not self.event.value_range:
            return pl.lit(False)
        return ~value.is_between(*self.event.value_range).fill_null(True)


def _moment(column: str, rows: pl.LazyFrame, kinds: pl.Schema) -> pl.Expr:
    form = datetime_format(rows.select(column).head(FORMAT_SAMPLE).collect().to_series())
    return fast_moment(column, kinds[column], form)


def _cell(column: str) -> str:
    return f"#cell {column}"


def _filled(column: str, kind: pl.DataType) -> pl.Expr:
    """Whether a cell holds anything."""
    cell = pl.col(column)
    return cell.is_not_null() & (cell.str.strip_chars() != "") if kind == pl.String else cell.is_not_null()
