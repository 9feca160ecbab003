"""From declared tables to the home's catalogue and event log: checked, once each, safe at any instant.

An input is read in batches; its events are written aside by day and moved into the log when all are on disk,
then the quarantine, then the ledger. A crash in between leaves rows that the next run recognises.
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

from shortlist.base.columns import AT, EVENT, EVENT_ID, ITEM
from shortlist.base.errors import DataError, DeclarationError, StoreError
from shortlist.base.platform import fcntl
from shortlist.data.ingest import catalogue, pictures
from shortlist.data.ingest.catalogue import Catalogue
from shortlist.data.ingest.known_rows import Logged, Seen, identity, span
from shortlist.data.ingest.ledger import Ledger
from shortlist.data.ingest.progress import bar
from shortlist.data.ingest.quarantine import Quarantine
from shortlist.data.ingest.report import IngestReport, InputReport, PicturesReport
from shortlist.data.log.forgotten import Forgotten
from shortlist.data.log.log import Writer
from shortlist.data.reading.inputs import Input, MalformedError, Prepare
from shortlist.data.reading.rows import REASON, EventRows
from shortlist.data.reading.tables import inputs
from shortlist.storage.disk import disk_errors
from shortlist.storage.home import Home
from shortlist.system.event import Event
from shortlist.system.system import System
from shortlist.vision.images.album import Album

__all__ = ["IngestReport", "InputReport", "ingest"]

Read = Callable[[Sequence[str], Prepare], Iterator[pl.DataFrame]]

NUMBER = "#number"
SPAN = 1_000_000_000  # microseconds, and so rows, that each input of an event without a clock gets


def ingest(system: System, home: Home, root: Path, progress: bool | None = None) -> IngestReport:
    """Read what is new in the tables of ``system`` (relative to the folder ``root``) into ``home``.

    Rows that cannot be used go to the quarantine and are counted in the report. ``progress``: a bar on
    stderr; None: where that is a terminal. Raises DeclarationError with every table and column that is
    missing, before anything is read; DataError where a file is damaged; StoreError where another ingest
    into the home is running.
    """
    given = _given(system, root)
    with _alone(home) as aside:
        return _Ingest(system, home, root, aside, progress).run(given)


def _given(system: System, root: Path) -> dict[str, list[Input]]:
    """The inputs of each table, all of whose columns are there."""
    found: dict[str, list[Input]] = {}
    problems: list[str] = []
    tables = [(catalogue.TABLE, system.item.table, catalogue.columns(system.item))]
    tables += [(event.name, event.table, EventRows(event, 0).columns) for event in system.events]
    for name, table, columns in tables:
        try:
            found[name] = inputs(table, root) if table is not None else []
            for each in found[name]:
                problems += each.missing(columns)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DeclarationError(list(dict.fromkeys(problems)))
    return found


@contextmanager
def _alone(home: Home) -> Iterator[Path]:
    """A folder for what is not done yet, cleared of what a crash left, for one ingest at a time."""
    with disk_errors(f"the log in {home.events}"), (home.path / "ingest.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another ingest into {home.path} is running: wait until it is done") from error
        aside = home.path / ".ingest"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@dataclass
class _Ingest:
    """One run: what it works on, and what it found so far."""

    system: System
    home: Home
    root: Path
    aside: Path
    progress: bool | None

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.home.ledger)
        self.forgotten = Forgotten(self.home)
        self.now = time.time_ns() // 1000
        self.reports: list[InputReport] = []
        self.pictures: list[PicturesReport] = []
        self.warnings: list[str] = []

    def run(self, given: dict[str, list[Input]]) -> IngestReport:
        for event in self.system.events:
            self._must_be_read_alike(event)
        listed: pl.Series | None = None
        if self.system.item.table is not None:
            self._catalogue(given[catalogue.TABLE])
            listed = pl.read_parquet(self.home.items, columns=[ITEM])[ITEM]
        for event in self.system.events:
            for each in given[event.name]:
                self.reports.append(self._events(event, each, listed))
        items = len(listed) if listed is not None else catalogue.from_events(self.home)
        return IngestReport(
            items=items,
            inputs=tuple(self.reports),
            pictures=tuple(self.pictures),
            warnings=tuple(self.warnings),
        )

    def _must_be_read_alike(self, event: Event) -> None:
        columns = {
            "user": event.user,
            "item": event.item,
            "at": event.at,
            "value": event.value,
            "id": event.id,
        } | {f"context.{name}": column for name, column in event.context.items()}
        if event.available_at:
            columns["available_at"] = event.available_at
        if not self.ledger.read_alike(event.name, columns):
            raise DataError(
                f"event {event.name!r} is now read from other columns than the log was, and the log would hold both: "
                "to ingest afresh, point SHORTLIST_HOME at a new folder (this one keeps what a server accepted), or "
                "give the event another name"
            )

    def _catalogue(self, given: list[Input]) -> None:
        entity, table = self.system.item, catalogue.TABLE
        kinds = {name: repr(kind) for name, kind in entity.attributes.items()}
        alike = self.ledger.read_alike(table, kinds | {"key": entity.key})
        same = (
            alike and self.home.items.exists() and self.ledger.names(table) == {each.name for each in given}
        )
        unchanged = same and all(self.ledger.unchanged(table, each) for each in given)
        if unchanged:
            self.reports += [InputReport(table=table, file=each.name, unchanged=True) for each in given]
            if not catalogue.pictured(entity):
                return
        entries = [self.ledger.entry(table, each) for each in given]
        found = self._with_pictures(catalogue.read(entity, given, self.root))
        if not unchanged:
            self._put_rows_aside(found, given)
        found.save(self.home)
        self.warnings += found.warnings
        self.ledger.forget(table)
        for each, entry in zip(given, entries, strict=True):
            self.ledger.record(table, each, entry)

    def _put_rows_aside(self, found: Catalogue, given: list[Input]) -> None:
        for each in given:
            rows = found.rows[each.name]
            with Quarantine(self.home, catalogue.TABLE, each.name, self.aside / "quarantine") as quarantine:
                quarantine.add(found.bad.filter(pl.col("file") == each.name))
                quarantine.commit()
            bad = dict(quarantine.reasons)
            added = rows - sum(bad.values())
            self.reports.append(
                InputReport(table=catalogue.TABLE, file=each.name, rows=rows, added=added, quarantined=bad)
            )

    def _with_pictures(self, found: Catalogue) -> Catalogue:
        """The pictures that a catalogue names, in the home's album or the quarantine."""
        if not found.named:
            return found
        with closing(Album(self.home.pictures)) as album:
            gathered = [
                pictures.gather(album, name, named, self.progress) for name, named in found.named.items()
            ]
        bad = pl.concat([each.bad for each in gathered])
        for file in found.rows:
            with Quarantine(self.home, pictures.TABLE, file, self.aside / "quarantine") as quarantine:
                quarantine.add(bad.filter(pl.col("file") == file))
                quarantine.commit()
        self.pictures += [each.report for each in gathered]
        return found.with_pictures([each.column for each in gathered])

    def _events(self, event: Event, given: Input, listed: pl.Series | None) -> InputReport:
        if self.ledger.unchanged(event.name, given):
            return InputReport(table=event.name, file=given.name, unchanged=True)
        rows = EventRows(event, self.now, first=self.ledger.order(event.name, given) * SPAN)
        with ThreadPoolExecutor(1) as beside:
            stamp = given.stamp()
            entry = beside.submit(self.ledger.entry, event.name, given)
            try:
                report = self._read(rows, given, given.fast, listed)
            except MalformedError:
                report = self._read(rows, given, given.tolerant, listed)
        if given.stamp() == stamp:
            self.ledger.record(event.name, given, entry.result())
        else:
            self.warnings.append(f"{given.name} changed while it was read: the next ingest reads it again")
        return report

    def _read(self, rows: EventRows, given: Input, read: Read, listed: pl.Series | None) -> InputReport:
        """Every row of one input into the log or the quarantine."""
        event = rows.event
        seen, logged = Seen(), Logged(self.home, event)
        count, added, known, gone, unlisted = 0, 0, 0, 0, 0
        with (
            Writer(self.home, self.aside / "events") as writer,
            Quarantine(self.home, event.name, given.name, self.aside / "quarantine") as quarantine,
            bar(f"{event.name}: {given.name}", given.rows(), self.progress) as advance,
        ):
            for batch in read(rows.columns, rows.prepare):
                good, bad = (each.filter(~self.forgotten.among(each)) for each in rows.split(batch))
                gone += len(batch) - len(good) - len(bad)
                numbers = good.select(identity(event).alias(NUMBER)).to_series()
                first = seen.first(numbers.to_numpy(), *span(event, good))
                if not first.all():
                    twice = good.filter(~first).with_columns(pl.lit("duplicate").alias(REASON))
                    quarantine.add(rows.cells(twice, given.name))
                    good, numbers = good.filter(first), numbers.filter(first)
                old = logged.holds(numbers.to_numpy(), good[AT])
                if old.any():
                    good, numbers = good.filter(~old), numbers.filter(~old)
                ids = () if event.id else (numbers.cast(pl.String).alias(EVENT_ID),)
                writer.write(good.with_columns(pl.lit(event.name).alias(EVENT), *ids))
                quarantine.add(rows.cells(bad, given.name))
                count, added, known = count + len(batch), added + len(good), known + int(old.sum())
                unlisted += int((~good[ITEM].is_in(listed.implode())).sum()) if listed is not None else 0
                advance(len(batch))
            writer.commit()
            quarantine.commit()
        return InputReport(
            table=event.name,
            file=given.name,
            rows=count,
            added=added,
            known=known,
            forgotten=gone,
            unlisted=unlisted,
            quarantined=dict(quarantine.reasons),
        )
