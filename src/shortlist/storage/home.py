"""The home folder of one system, and where each thing lies in it.

::

    catalogue/items.parquet      one row per item: item, and the declared attributes
    catalogue/schema.json        attribute -> kind
    catalogue/users.parquet      one row per user of the users' table: user, and the declared attributes
    catalogue/users_schema.json  attribute -> kind
    pictures/                    the catalogue's pictures, each once, with sizes and hashes
    events/day=2026-01-31/       the event log, Parquet by day
    events/compacted.json        up to which sequence the store's events are in the log
    quarantine/                  rejected rows, with reasons
    ingested.json                which inputs were read already
    forgotten.json               who was forgotten and when, as hashes: tables do not bring them back
    state.db                     events the server accepted, deleted items, exposures (SQLite)
    evaluation/                  the newest evaluation: report.html, evaluation.json
    releases/0007/               immutable releases
    current                      the number of the release that serves
    leases/                      which part of the log is being trained on right now
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shortlist.base.errors import StoreError
from shortlist.base.files import read_json, write_json
from shortlist.storage.disk_errors import disk_errors

FORMAT = 2  # of the folder; raised when it changes. 1: events of the log had no context
_MARK = "compacted.json"


@dataclass(frozen=True)
class Home:
    """Paths inside a home folder."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Home:
        """The home at ``path``, made if absent.

        What an older Shortlist wrote is read as it is, and stamped, since an older one cannot read what is added.
        Raises StoreError where a newer one wrote it, where it is damaged, or may not be written.
        """
        stamp = path / "home.json"
        try:
            version = int(read_json(stamp)["format"]) if stamp.exists() else 0
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{stamp} is damaged ({error}): restore it from a copy of {path}") from error
        if version < FORMAT:
            with disk_errors(f"the home {path}"):
                path.mkdir(parents=True, exist_ok=True)
                write_json(stamp, {"format": FORMAT})
        if version > FORMAT:
            raise StoreError(
                f"{path} has format {version}, and this Shortlist reads up to {FORMAT}: upgrade Shortlist, "
                "or point SHORTLIST_HOME at another folder"
            )
        return cls(path)

    @property
    def items(self) -> Path:
        """The catalogue table."""
        return self.path / "catalogue" / "items.parquet"

    @property
    def schema(self) -> Path:
        """Kinds of the items' attributes."""
        return self.path / "catalogue" / "schema.json"

    @property
    def users(self) -> Path:
        """The table of users' attributes."""
        return self.path / "catalogue" / "users.parquet"

    @property
    def users_schema(self) -> Path:
        """Kinds of the users' attributes."""
        return self.path / "catalogue" / "users_schema.json"

    @property
    def pictures(self) -> Path:
        """The album of the catalogue's pictures."""
        return self.path / "pictures"

    @property
    def events(self) -> Path:
        """The event log's folder of days."""
        return self.path / "events"

    def compacted(self) -> int:
        """The store's sequence up to which its events are in the log; 0: none are. StoreError if that is damaged."""
        path = self.events / _MARK
        try:
            return int(read_json(path)["upto"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged ({error}): restore it from a copy of {self.path}") from error

    def mark_compacted(self, upto: int) -> None:
        """Say so, durably and at one instant."""
        self.events.mkdir(exist_ok=True)
        write_json(self.events / _MARK, {"upto": upto})

    @property
    def quarantine(self) -> Path:
        """Rejected rows."""
        return self.path / "quarantine"

    @property
    def ledger(self) -> Path:
        """Which inputs were ingested."""
        return self.path / "ingested.json"

    @property
    def state(self) -> Path:
        """The embedded store."""
        return self.path / "state.db"

    @property
    def leases(self) -> Path:
        """Which part of the log is being trained on right now."""
        return self.path / "leases"

    @property
    def evaluation(self) -> Path:
        """The newest evaluation."""
        return self.path / "evaluation"

    @property
    def releases(self) -> Path:
        """All releases."""
        return self.path / "releases"

    @property
    def current(self) -> Path:
        """The file that names the serving release."""
        return self.path / "current"
