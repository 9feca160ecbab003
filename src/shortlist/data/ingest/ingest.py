"""From declared tables to the home's catalogue, users and event log: validated, once each, safe at any instant.

An input is read in batches; its events are written to a staging folder by day and moved into the log when all are
on disk, then the quarantine, then the ledger. A crash in between leaves rows that the next run recognises.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from shortlist.base.columns import AT, EVENT, EVENT_ID, ITEM, USER
from shortlist.base.errors import DataError, DeclarationError, StoreError
from shortlist.base.platform import fcntl
from shortlist.base.progress import SILENT, Progress, Step
from shortlist.data.forget import Forgotten
from shortlist.data.ingest.entity_table import (
    TABLE_NAMES,
    EntityTable,
    catalogue_from_events,
    has_pictures,
    read_entity_table,
    table_columns,
)
from shortlist.data.ingest.known_rows import KnownRows, LoggedRows, row_hash, time_span
from shortlist.data.ingest.ledger import Ledger
from shortlist.data.ingest.picture_columns import collect_pictures
from shortlist.data.ingest.report import IngestReport, InputReport, PicturesReport
from shortlist.data.log.log import Writer
from shortlist.data.quarantine import PICTURES, RESERVED_NAMES, Quarantine
from shortlist.data.reading.event_rows import REASON, EventRows
from shortlist.data.reading.inputs import Input, MalformedError, Prepare
from shortlist.data.reading.tables import open_inputs
from shortlist.storage.disk_errors import disk_errors
from shortlist.storage.home import Home
from shortlist.system.entity import Entity
from shortlist.system.event import Event
from shortlist.system.system import System
from shortlist.vision.images.album import Album

__all__ = ["IngestReport", "InputReport", "ingest"]

Read = Callable[[Sequence[str], Prepare], Iterator[pl.DataFrame]]

_HASH = "#hash"
_INPUT_SPAN = 1_000_000_000  # microseconds, and so rows, that each input of an event without times gets


def ingest(system: System, home: Home, root: Path, progress: Progress = SILENT) -> IngestReport:
    """Read what is new in the tables of ``system`` (relative to the folder ``root``) into ``home``.

    Rejected rows go to the quarantine and are counted in the report. Raises DeclarationError with every table and
    column that is missing, before anything is read; DataError where a file is damaged; StoreError where another
    ingest into the home is running.
    """
    inputs = _open_tables(system, root)
    with _exclusively(home) as staging:
        return _Ingest(system, home, root, staging, progress).run(inputs)


def entity_tables(system: System) -> dict[str, Entity]:
    """The entities of ``system`` that have a table, by role."""
    entities = {ITEM: system.item} | ({USER: system.user} if system.user is not None else {})
    return {role: entity for role, entity in entities.items() if entity.table is not None}


def _open_tables(system: System, root: Path) -> dict[str, list[Input]]:
    """The inputs of each table, by its name, all of whose columns are there."""
    opened: dict[str, list[Input]] = {}
    problems = [
        f"an event cannot be named {event.name!r}: other rows have that name in reports and the quarantine"
        for event in system.events
        if event.name in RESERVED_NAMES
    ]
    tables = [
        (TABLE_NAMES[role], entity.table, table_columns(entity))
        for role, entity in entity_tables(system).items()
    ]
    tables += [(event.name, event.table, EventRows(event, 0).columns) for event in system.events]
    for name, table, columns in tables:
        try:
            opened[name] = open_inputs(table, root) if table is not None else []
            for each in opened[name]:
                problems += each.missing(columns)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DeclarationError(list(dict.fromkeys(problems)))
    return opened


@contextmanager
def _exclusively(home: Home) -> Iterator[Path]:
    """A folder for unfinished files, cleared of what a crash left, for one ingest at a time."""
    with disk_errors(f"the log in {home.events}"), (home.path / "ingest.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another ingest into {home.path} is running: wait until it is done") from error
        staging = home.path / ".ingest"
        shutil.rmtree(staging, ignore_errors=True)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@dataclass
class _Ingest:
    """One run: its surroundings, and its results so far."""

    system: System
    home: Home
    root: Path
    staging: Path
    progress: Progress

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.home.ledger)
        self.forgotten = Forgotten(self.home)
        self.now = time.time_ns() // 1000
        self.reports: list[InputReport] = []
        self.pictures: list[PicturesReport] = []
        self.warnings: list[str] = []

    def run(self, inputs: dict[str, list[Input]]) -> IngestReport:
        for event in self.system.events:
            self._require_same_columns(event)
        entities = entity_tables(self.system)
        for role, entity in entities.items():
            self._ingest_entity(role, entity, inputs[TABLE_NAMES[role]])
        if USER not in entities:  # any more
            self.home.users.unlink(missing_ok=True)
        listed = pl.read_parquet(self.home.items, columns=[ITEM])[ITEM] if ITEM in entities else None
        for event in self.system.events:
            for each in inputs[event.name]:
                self.reports.append(self._ingest_events(event, each, listed))
        return IngestReport(
            items=len(listed) if listed is not None else catalogue_from_events(self.home),
            users=self._count_users() if USER in entities else None,
            inputs=tuple(self.reports),
            pictures=tuple(self.pictures),
            warnings=tuple(self.warnings),
        )

    def _require_same_columns(self, event: Event) -> None:
        columns = {
            "user": event.user,
            "item": event.item,
            "at": event.at,
            "value": event.value,
            "id": event.id,
        } | {f"context.{name}": column for name, column in event.context.items()}
        if event.available_at:
            columns["available_at"] = event.available_at
        if not self.ledger.same_columns(event.name, columns):
            raise DataError(
                f"event {event.name!r} is now read from other columns than the log was, and the log would hold both: "
                "to ingest afresh, point SHORTLIST_HOME at a new folder (this one keeps what a server accepted), or "
                "give the event another name"
            )

    def _count_users(self) -> int:
        return int(pl.scan_parquet(self.home.users, glob=False).select(pl.len()).collect().item())

    def _ingest_entity(self, role: str, entity: Entity, inputs: list[Input]) -> None:
        """Read the table of an entity whole, where any of its inputs changed, or may have."""
        name = TABLE_NAMES[role]
        kinds = {attribute: repr(kind) for attribute, kind in entity.attributes.items()}
        same = (
            self.ledger.same_columns(name, kinds | {"key": entity.key})
            and (self.home.items if role == ITEM else self.home.users).exists()
            and self.ledger.names(name) == {each.name for each in inputs}
        )
        unchanged = same and all(self.ledger.unchanged(name, each) for each in inputs)
        if unchanged:
            self.reports += [InputReport(table=name, file=each.name, unchanged=True) for each in inputs]
            if not has_pictures(entity):
                return
        entries = [self.ledger.entry(name, each) for each in inputs]
        forgotten = self.forgotten if role == USER else None
        with self.progress.step(f"reading {name}"):
            read = read_entity_table(role, entity, inputs, self.root, forgotten)
        read = self._with_pictures(read)
        if not unchanged:
            self._report_entity(name, read)
        read.save(self.home)
        self.warnings += read.warnings
        self.ledger.forget(name)
        for each, entry in zip(inputs, entries, strict=True):
            self.ledger.record(name, each, entry)

    def _report_entity(self, name: str, read: EntityTable) -> None:
        """Quarantine the rejected rows of each input, and report."""
        for file, rows in read.rows.items():
            with Quarantine(self.home, name, file, self.staging / "quarantine") as quarantine:
                quarantine.add(read.rejected.filter(pl.col("file") == file))
                quarantine.commit()
            forgotten = read.forgotten.get(file, 0)
            self.reports.append(
                InputReport(
                    table=name,
                    file=file,
                    rows=rows,
                    added=rows - forgotten - quarantine.reasons.total(),
                    forgotten=forgotten,
                    quarantined=dict(quarantine.reasons),
                )
            )

    def _with_pictures(self, read: EntityTable) -> EntityTable:
        """The table with the pictures that it names, in the home's album or the quarantine."""
        if not read.picture_sources:
            return read
        with closing(Album(self.home.pictures)) as album:
            collected = [
                collect_pictures(album, name, sources, self.progress)
                for name, sources in read.picture_sources.items()
            ]
        rejected = pl.concat([each.rejected for each in collected])
        for file in read.rows:
            with Quarantine(self.home, PICTURES, file, self.staging / "quarantine") as quarantine:
                quarantine.add(rejected.filter(pl.col("file") == file))
                quarantine.commit()
        self.pictures += [each.report for each in collected]
        return read.with_pictures([each.column for each in collected])

    def _ingest_events(self, event: Event, given: Input, listed: pl.Series | None) -> InputReport:
        if self.ledger.unchanged(event.name, given):
            return InputReport(table=event.name, file=given.name, unchanged=True)
        rows = EventRows(event, self.now, first=self.ledger.order(event.name, given) * _INPUT_SPAN)
        name = f"reading {event.name}: {given.name}"
        with ThreadPoolExecutor(1) as beside, self.progress.step(name, given.rows(), "rows") as step:
            stamp = given.stamp()
            entry = beside.submit(self.ledger.entry, event.name, given)
            try:
                report = self._read(rows, given, given.fast, listed, step)
            except MalformedError:
                step.detail("a malformed line: reading again, line by line")
                report = self._read(rows, given, given.tolerant, listed, step)
        if given.stamp() == stamp:
            self.ledger.record(event.name, given, entry.result())
        else:
            self.warnings.append(f"{given.name} changed while it was read: the next ingest reads it again")
        return report

    def _read(
        self, rows: EventRows, given: Input, read: Read, listed: pl.Series | None, step: Step
    ) -> InputReport:
        """Every row of one input into the log or the quarantine."""
        event = rows.event
        known, logged = KnownRows(), LoggedRows(self.home, event)
        count, added, already_logged, forgotten, unlisted = 0, 0, 0, 0, 0
        with (
            Writer(self.home, self.staging / "events") as writer,
            Quarantine(self.home, event.name, given.name, self.staging / "quarantine") as quarantine,
        ):
            for batch in read(rows.columns, rows.prepare):
                good, bad = (each.filter(~self.forgotten.covers(each)) for each in rows.split(batch))
                forgotten += len(batch) - len(good) - len(bad)
                hashes = good.select(row_hash(event).alias(_HASH)).to_series()
                first = known.add(hashes.to_numpy(), *time_span(event, good))
                if not first.all():
                    repeated = good.filter(~first).with_columns(pl.lit("duplicate").alias(REASON))
                    quarantine.add(rows.cells(repeated, given.name))
                    good, hashes = good.filter(first), hashes.filter(first)
                old = logged.contains(hashes.to_numpy(), good[AT])
                if old.any():
                    good, hashes = good.filter(~old), hashes.filter(~old)
                ids = () if event.id else (hashes.cast(pl.String).alias(EVENT_ID),)
                writer.write(good.with_columns(pl.lit(event.name).alias(EVENT), *ids))
                quarantine.add(rows.cells(bad, given.name))
                count, added, already_logged = (
                    count + len(batch),
                    added + len(good),
                    already_logged + int(old.sum()),
                )
                unlisted += int((~good[ITEM].is_in(listed.implode())).sum()) if listed is not None else 0
                step.advance(len(batch))
            writer.commit()
            quarantine.commit()
        return InputReport(
            table=event.name,
            file=given.name,
            rows=count,
            added=added,
            already_logged=already_logged,
            forgotten=forgotten,
            unlisted=unlisted,
            quarantined=dict(quarantine.reasons),
        )
