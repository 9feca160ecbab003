"""Which inputs were ingested, so that what did not change is not read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shortlist.base.errors import DataError
from shortlist.base.files import checksum, read_json, write_json
from shortlist.data.reading.inputs import Input

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One input as it was when it was read last; DataFrames and queries have no size and no checksum."""

    order: int  # its place among the inputs of its table, by when they first came
    size: int | None = None
    sha256: str | None = None


class Ledger:
    """The entries of one home, by table (an event's name, "catalogue" or "users") and input."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._load(read_json(path) if path.exists() else {"format": FORMAT})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path} is damaged ({error}): remove it, and ingest again; rows that are in the log are recognised"
            ) from error

    def _load(self, content: dict[str, Any]) -> None:
        if content["format"] > FORMAT:
            raise DataError(
                f"{self._path} has format {content['format']}, and this Shortlist reads {FORMAT}: upgrade Shortlist"
            )
        self._inputs = {
            table: {name: Entry(**entry) for name, entry in entries.items()}
            for table, entries in content.get("inputs", {}).items()
        }
        self._columns: dict[str, dict[str, str | None]] = content.get("columns", {})

    def order(self, table: str, given: Input) -> int:
        """The place of ``given`` among the inputs of ``table``; the next free one where it is new."""
        entries = self._inputs.get(table, {})
        return entries[given.name].order if given.name in entries else len(entries)

    def entry(self, table: str, given: Input) -> Entry:
        """What to record of ``given`` as it is now."""
        order = self.order(table, given)
        return Entry(order, given.path.stat().st_size, checksum(given.path)) if given.path else Entry(order)

    def unchanged(self, table: str, given: Input) -> bool:
        """Whether ``given`` is a file that was read as it is now."""
        before = self._inputs.get(table, {}).get(given.name)
        if before is None or given.path is None or given.path.stat().st_size != before.size:
            return False
        return self.entry(table, given) == before

    def record(self, table: str, given: Input, entry: Entry) -> None:
        """Remember that ``given`` was read, durably."""
        self._inputs.setdefault(table, {})[given.name] = entry
        self._save()

    def same_columns(self, table: str, columns: Mapping[str, str | None]) -> bool:
        """Whether earlier readings of ``table`` used the same columns; remembers these from now on."""
        before = self._columns.get(table, dict(columns))
        self._columns[table] = dict(columns)
        return before == dict(columns) or table not in self._inputs

    def names(self, table: str) -> set[str]:
        """The inputs of ``table`` that were read."""
        return set(self._inputs.get(table, ()))

    def forget(self, table: str) -> None:
        """Treat every input of ``table`` as unread."""
        self._inputs.pop(table, None)

    def _save(self) -> None:
        inputs = {
            table: {name: asdict(entry) for name, entry in entries.items()}
            for table, entries in self._inputs.items()
        }
        write_json(self._path, {"format": FORMAT, "columns": self._columns, "inputs": inputs})
