"""What an ingest did, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shortlist.data.quarantine import CATALOGUE, USERS


@dataclass(frozen=True, kw_only=True)
class InputReport:
    """One input of one table."""

    table: str  # the event's name, "catalogue" or "users"
    file: str
    unchanged: bool = False  # it was read before, and is as it was
    rows: int = 0  # read
    added: int = 0
    already_logged: int = 0  # the log has them from an earlier ingest
    forgotten: int = 0  # of users who were forgotten since
    unlisted: int = 0  # added, but on items that the catalogue does not list
    quarantined: Mapping[str, int] = field(default_factory=dict)  # reason -> rows

    def __str__(self) -> str:
        if self.unchanged:
            return f"{self.table}: {self.file} is unchanged"
        facts = [f"{self.rows:,} rows of {self.file}", f"{self.added:,} added"]
        if self.already_logged:
            facts.append(f"{self.already_logged:,} already in the log")
        if self.forgotten:
            facts.append(f"{self.forgotten:,} of forgotten users left out")
        facts += _quarantined(self.quarantined)
        return f"{self.table}: " + ", ".join(facts)


@dataclass(frozen=True, kw_only=True)
class PicturesReport:
    """The pictures that one attribute names: sources, each counted once."""

    attribute: str
    added: int = 0  # read now
    unchanged: int = 0  # read before, and as they were
    quarantined: Mapping[str, int] = field(default_factory=dict)  # reason -> sources
    copies: int = 0  # byte for byte the picture of another source
    near_duplicates: int = 0

    def __str__(self) -> str:
        facts = [f"{self.added:,} new", f"{self.unchanged:,} unchanged", *_quarantined(self.quarantined)]
        if self.copies:
            facts.append(f"{self.copies:,} exact copies")
        if self.near_duplicates:
            facts.append(f"{self.near_duplicates:,} near duplicates")
        return f"pictures: {self.attribute}: " + ", ".join(facts)


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """Everything that one ingest did."""

    items: int  # in the catalogue now
    users: int | None = None  # in the table of users now; None: the system has none
    inputs: tuple[InputReport, ...]
    pictures: tuple[PicturesReport, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(each.rows for each in self.inputs)

    @property
    def added(self) -> int:
        """Events that are new in the log."""
        return sum(each.added for each in self.inputs if each.table not in (CATALOGUE, USERS))

    @property
    def quarantined(self) -> int:
        """Rows quarantined."""
        return sum(sum(each.quarantined.values()) for each in self.inputs)

    @property
    def reasons(self) -> dict[str, int]:
        """Rows quarantined, by reason."""
        total: Counter[str] = Counter()
        for each in self.inputs:
            total.update(each.quarantined)
        return dict(total)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        yield from map(str, self.inputs)
        yield f"catalogue: {self.items:,} items"
        if self.users is not None:
            yield f"users: {self.users:,} users with attributes"
        yield from map(str, self.pictures)
        for each in self.inputs:
            if each.unlisted:
                yield (
                    f"warning: {each.unlisted:,} of {each.added:,} new events of {each.file} are on items that the "
                    "catalogue does not list: they stay in the log, training leaves them out"
                )
        yield from (f"warning: {warning}" for warning in self.warnings)


def _quarantined(reasons: Mapping[str, int]) -> list[str]:
    """How many were quarantined, and why; nothing where none were."""
    if not reasons:
        return []
    by_count = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    counts = ", ".join(f"{count:,} {reason}" for reason, count in by_count)
    return [f"{sum(reasons.values()):,} quarantined ({counts})"]
