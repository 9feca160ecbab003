"""Check the declaration against the data: every problem at once, before anything is ingested.

Of big tables of events only the first rows are read, and the messages say so; ingest reads all of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from shortlist.base.columns import AT, CONTEXT, DAY, ITEM, USER, VALUE
from shortlist.base.errors import DataError
from shortlist.base.progress import SILENT, Progress
from shortlist.data.ingest.entity_table import read_entity_table, table_columns
from shortlist.data.ingest.known_rows import row_hash
from shortlist.data.reading.event_rows import REASON, EventRows
from shortlist.data.reading.inputs import TOLERANT_BATCH_ROWS, Input, MalformedError
from shortlist.data.reading.tables import open_inputs
from shortlist.system.entity import Entity
from shortlist.system.event import Event, Objective
from shortlist.system.system import System
from shortlist.system.table import Sample, SqlQuery, TableSource

SAMPLE_ROWS = TOLERANT_BATCH_ROWS  # of each event table
MAX_EXAMPLES = 3
MAX_PATHS = 2000  # pictures whose files are looked for
MIN_EVENTS, MIN_USERS = 1000, 50  # fewer are too few to learn from
DAYS_LIKE_20200131 = range(219, 243)  # 1970-08-08 to 1970-08-31: such numbers taken as seconds since 1970


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something in which the declaration and the data disagree."""

    severity: str  # "error": training cannot succeed; "warning": worth a look
    file: str
    message: str
    column: str | None = None
    examples: tuple[str, ...] = ()  # rows, by their numbers (1 is the first row of data)

    def __str__(self) -> str:
        place = self.file if self.column is None else f"{self.file}, column {self.column!r}"
        shown = f" (for example {'; '.join(self.examples)})" if self.examples else ""
        return f"{place}: {self.message}{shown}"


def check(system: System, root: Path, progress: Progress = SILENT) -> list[Problem]:
    """Every problem of ``system`` with its tables, which are read from the folder ``root``."""
    problems: list[Problem] = []
    with progress.step("checking the catalogue"):
        listed = _entity(ITEM, system.item, root, problems)
    users = None
    if system.user is not None:
        with progress.step("checking the users"):
            users = _entity(USER, system.user, root, problems)
    with progress.step("checking the events", len(system.events), "tables") as step:
        samples = []
        for event in system.events:
            samples += [sample] if (sample := _sample(event, root, problems)) else []
            step.advance()
    for sample in samples:
        problems += _dirt(sample)
        problems += _clock(sample)
        problems += _unlisted(sample, listed)
        problems += _unknown_users(sample, users)
        for objective in system.objectives:
            if isinstance(objective, Objective) and objective.event is sample.event:
                problems += _objective(objective, sample)
    problems += _enough(system, samples)
    return problems


@dataclass(frozen=True)
class _Sample:
    """The first rows of an event's table."""

    event: Event
    file: str
    whole: bool  # these are all its rows
    good: pl.DataFrame
    bad: pl.DataFrame  # with the columns of the quarantine

    def share(self, rows: int) -> str:
        count = len(self.good) + len(self.bad)
        return f"{rows:,} of {'' if self.whole else 'the first '}{count:,} rows ({rows / max(count, 1):.1%})"


def _inputs(
    table: TableSource | None, columns: list[str], root: Path, problems: list[Problem]
) -> list[Input]:
    """The inputs of a table that have all its columns; what is wrong with the others is a problem."""
    if table is None:
        return []
    try:
        opened = open_inputs(table, root)
    except DataError as error:
        name = _named(table)
        problems.append(Problem(severity="error", file=name, message=_without(name, str(error))))
        return []
    return [each for each in opened if not _missing(each, columns, problems)]


def _missing(given: Input, columns: list[str], problems: list[Problem]) -> bool:
    try:
        messages = given.missing(columns)
    except DataError as error:
        messages = [str(error)]
    problems += [
        Problem(severity="error", file=given.name, message=_without(given.name, each)) for each in messages
    ]
    return bool(messages)


def _entity(role: str, entity: Entity, root: Path, problems: list[Problem]) -> pl.Series | None:
    """The keys in the table of an entity, or None where nothing lists them."""
    given = _inputs(entity.table, table_columns(entity), root, problems)
    if not given:
        return None
    try:
        read = read_entity_table(role, entity, given, root)
    except DataError as error:
        problems.append(
            Problem(severity="error", file=given[0].name, message=_without(given[0].name, str(error)))
        )
        return None
    name = given[0].name if len(given) == 1 else _named(entity.table)
    for reason, rows in _by_reason(read.rejected):
        message = f"{len(rows):,} of {sum(read.rows.values()):,} rows: {reason}"
        problems.append(_problem("warning", name, message, entity.key, rows))
    problems += [
        Problem(severity="warning", file=name, message=_without(name, each)) for each in read.warnings
    ]
    for attribute, sources in read.picture_sources.items():
        problems += _pictures(name, attribute, sources)
    if not len(read.table):
        severity = "error" if role == ITEM else "warning"
        article = "an item" if role == ITEM else "a user"
        problems.append(Problem(severity=severity, file=name, message=f"no row is {article}"))
    return read.table[role]


def _pictures(file: str, attribute: str, sources: pl.DataFrame) -> Iterator[Problem]:
    """Whether pictures can be read at all, and which of the first do not exist; URLs are not fetched."""
    if find_spec("PIL") is None:
        message = (
            f"reading the pictures of {attribute!r} needs the package 'PIL': pip install 'shortlist[vision]'"
        )
        yield Problem(severity="error", file=file, message=message)
    rows = sources.select("row", "source").explode("source").drop_nulls()
    if rows.schema["source"] != pl.String:
        return
    paths = rows.filter(~pl.col("source").str.contains("^https?://")).head(MAX_PATHS)
    missing = [(row, path) for row, path in paths.iter_rows() if not Path(path).is_file()]
    if missing:
        whole = "the first " if len(paths) == MAX_PATHS else ""
        yield Problem(
            severity="error" if len(missing) == len(paths) else "warning",
            file=file,
            column=attribute,
            message=f"{len(missing):,} of {whole}{len(paths):,} pictures do not exist",
            examples=tuple(f"row {row:,}: {path!r}" for row, path in missing[:MAX_EXAMPLES]),
        )


def _sample(event: Event, root: Path, problems: list[Problem]) -> _Sample | None:
    rows = EventRows(event, time.time_ns() // 1000)
    given = _inputs(event.table, rows.columns, root, problems)
    good, bad, whole = [], [], True
    for each in given:
        try:
            batch = _head(each, rows)
        except DataError as error:
            problems.append(
                Problem(severity="error", file=each.name, message=_without(each.name, str(error)))
            )
            continue
        if batch is None:
            problems.append(
                Problem(severity="warning", file=each.name, message="it has a header and no rows")
            )
            continue
        whole = whole and len(batch) < SAMPLE_ROWS
        passed, failed = rows.split(batch)
        first = passed.select(row_hash(event)).to_series().is_first_distinct()
        repeated = passed.filter(~first).with_columns(pl.lit("duplicate").alias(REASON))
        good.append(passed.filter(first).select(USER, ITEM, AT, VALUE, *([CONTEXT] if event.context else [])))
        bad += [rows.cells(failed, each.name), rows.cells(repeated, each.name)]
    if not good:
        return None
    file = given[0].name if len(given) == 1 else _named(event.table)
    return _Sample(event, file, whole, pl.concat(good), pl.concat(bad))


def _head(given: Input, rows: EventRows) -> pl.DataFrame | None:
    try:
        batch = next(given.fast(rows.columns, rows.prepare), None)  # a reader that stops early reads less
    except MalformedError:
        batch = next(given.tolerant(rows.columns, rows.prepare), None)
    return None if batch is None else batch.head(SAMPLE_ROWS)


def _dirt(sample: _Sample) -> Iterator[Problem]:
    event = sample.event
    columns = {
        "user": event.user,
        "item": event.item,
        "time": event.at,
        "value": event.value,
        "event": event.id,
        "availability": event.available_at,
    }
    for reason, rows in _by_reason(sample.bad):
        column = next((columns[part] for part in reason.split() if part in columns), None)
        all_rejected = sample.whole and len(rows) == len(sample.good) + len(sample.bad)
        yield _problem(
            "error" if all_rejected else "warning",
            sample.file,
            f"{sample.share(len(rows))}: {reason}",
            column,
            rows,
        )


def _clock(sample: _Sample) -> Iterator[Problem]:
    days = sample.good[AT] // DAY
    if (
        sample.event.at
        and len(days)
        and days.min() in DAYS_LIKE_20200131
        and days.max() in DAYS_LIKE_20200131
    ):
        yield Problem(
            severity="error",
            file=sample.file,
            column=sample.event.at,
            message="read as seconds since 1970, every time is in August 1970: write days as 2020-01-31, not 20200131",
        )


def _unlisted(sample: _Sample, listed: pl.Series | None) -> Iterator[Problem]:
    if listed is None:
        return
    rows = sample.good.filter(~pl.col(ITEM).is_in(listed.implode()))
    if len(rows):
        severity = "error" if len(rows) == len(sample.good) else "warning"
        examples = tuple(repr(item) for item in rows[ITEM].unique(maintain_order=True).head(MAX_EXAMPLES))
        yield Problem(
            severity=severity,
            file=sample.file,
            column=sample.event.item,
            message=f"{sample.share(len(rows))} are on items that the catalogue lacks; training leaves them out",
            examples=examples,
        )


def _unknown_users(sample: _Sample, users: pl.Series | None) -> Iterator[Problem]:
    """Where the table of users has not one user of the events, its keys are likely to be of another kind."""
    if users is None or not len(users) or not len(sample.good):
        return
    if not sample.good[USER].is_in(users.implode()).any():
        yield Problem(
            severity="warning",
            file=sample.file,
            column=sample.event.user,
            message="no user of these events is in the table of users: are the keys the same?",
            examples=tuple(
                repr(user) for user in sample.good[USER].unique(maintain_order=True).head(MAX_EXAMPLES)
            ),
        )


def _objective(objective: Objective, sample: _Sample) -> Iterator[Problem]:
    if objective.when is None or not len(sample.good):
        return
    try:
        table = sample.good.select(AT, pl.col(VALUE).cast(pl.Float32))
        holds = table.select(objective.when.fill_null(False).alias("holds"))["holds"]
        met, count = int(holds.sum()), len(sample.good)
    except (pl.exceptions.PolarsError, TypeError) as error:
        reason = str(error).splitlines()[0]
        yield Problem(
            severity="error",
            file=sample.file,
            message=f"objective {objective.name!r} cannot be evaluated: {reason}",
        )
        return
    if met in (0, count):
        which = "all" if sample.whole else "the first"
        how = (
            f"never holds in {which} {count:,} events"
            if not met
            else f"holds in {which} {count:,} events: every label is the same"
        )
        yield Problem(
            severity="error" if not met and sample.whole else "warning",
            file=sample.file,
            column=sample.event.value,
            message=f"objective {objective.name!r} {how}",
            examples=tuple(
                f"value {value:g}" for value in table[VALUE].drop_nulls().unique().sort().head(MAX_EXAMPLES)
            ),
        )


def _enough(system: System, samples: list[_Sample]) -> Iterator[Problem]:
    if not system.events:
        return
    if not any(event.table for event in system.events):
        yield Problem(
            severity="error", file=system.name, message="no event has a table: there is nothing to learn from"
        )
    if not samples or any(not sample.whole for sample in samples):
        return
    events = sum(len(sample.good) for sample in samples)
    users = pl.concat([sample.good[USER] for sample in samples]).n_unique()
    files = ", ".join(sample.file for sample in samples)
    if events < MIN_EVENTS or users < MIN_USERS:
        severity = "warning" if events else "error"
        message = f"{events:,} events of {users:,} users are too few to learn from"
        yield Problem(severity=severity, file=files, message=message if events else "no row is an event")


def _by_reason(bad: pl.DataFrame) -> Iterable[tuple[str, pl.DataFrame]]:
    for (reason,), rows in bad.group_by("reason", maintain_order=True):
        yield str(reason), rows


def _problem(severity: str, file: str, message: str, column: str | None, rows: pl.DataFrame) -> Problem:
    cell = f"cell {column}"
    shown = rows.head(MAX_EXAMPLES)
    cells = shown[cell].to_list() if cell in shown.columns else [None] * len(shown)
    examples = [
        f"row {row:,}" + (f": {text!r}" if text is not None else "")
        for row, text in zip(shown["row"], cells, strict=True)
    ]
    return Problem(severity=severity, file=file, message=message, column=column, examples=tuple(examples))


def _named(table: TableSource | None) -> str:
    if isinstance(table, SqlQuery):
        return "query"
    if isinstance(table, Sample):
        return f"{table.dataset}/{table.file}"
    return "the DataFrame" if table is None or isinstance(table.source, pl.DataFrame) else str(table.source)


def _without(name: str, message: str) -> str:
    """A message without the file's name at its start, which the problem has already."""
    return message.removeprefix(name).removeprefix(":").strip()
