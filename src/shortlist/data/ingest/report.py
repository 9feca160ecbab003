"""What an ingest did, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class InputReport:
    """One input of one table."""

    table: str  # the event's name, or "catalogue"
    file: str
    unchanged: bool = False  # it was read before, and is as it was
    rows: int = 0  # read
    added: int = 0
    known: int = 0  # in the log already
    forgotten: int = 0  # of people who were forgotten since they did it
    unlisted: int = 0  # added, but on items that the catalogue does not list
    quarantined: Mapping[str, int] = field(default_factory=dict)  # reason -> rows

    def __str__(self) -> str:
        if self.unchanged:
            return f"{self.table}: {self.file} is unchanged"
        facts = [f"{self.rows:,} rows of {self.file}", f"{self.added:,} added"]
        if self.known:
            facts.append(f"{self.known:,} known already")
        if self.forgotten:
            facts.append(f"{self.forgotten:,} left out (of people who were forgotten)")
        facts += _put_aside(self.quarantined)
        return f"{self.table}: " + ", ".join(facts)


@dataclass(frozen=True, kw_only=True)
class PicturesReport:
    """The pictures that one attribute names: sources, each counted once."""

    attribute: str
    added: int = 0  # read now
    unchanged: int = 0  # read before, and as they were
    quarantined: Mapping[str, int] = field(default_factory=dict)  # reason -> sources
    copies: int = 0  # the same picture as another source, byte for byte
    alike: int = 0  # nearly the same picture as another

    def __str__(self) -> str:
        facts = [f"{self.added:,} new", f"{self.unchanged:,} unchanged", *_put_aside(self.quarantined)]
        if self.copies:
            facts.append(f"{self.copies:,} copies of others")
        if self.alike:
            facts.append(f"{self.alike:,} nearly the same as others")
        return f"pictures: {self.attribute}: " + ", ".join(facts)


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """Everything that one ingest did."""

    items: int  # in the catalogue now
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
        return sum(each.added for each in self.inputs if each.table != "catalogue")

    @property
    def quarantined(self) -> int:
        """Rows put aside."""
        return sum(sum(each.quarantined.values()) for each in self.inputs)

    @property
    def reasons(self) -> dict[str, int]:
        """Rows put aside, by reason."""
        total: Counter[str] = Counter()
        for each in self.inputs:
            total.update(each.quarantined)
        return dict(total)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        yield from map(str, self.inputs)
        yield f"catalogue: {self.items:,} items"
        yield from map(str, self.pictures)
        for each in self.inputs:
            if each.unlisted:
                yield (
                    f"warning: {each.unlisted:,} of {each.added:,} new events of {each.file} are on items that the "
                    "catalogue does not list: they stay in the log, training leaves them out"
                )
        yield from (f"warning: {warning}" for warning in self.warnings)


def _put_aside(reasons: Mapping[str, int]) -> list[str]:
    """How many were put aside, and why; nothing where none were."""
    if not reasons:
        return []
    counts = ", ".join(f"{count:,} {reason}" for reason, count in Counter(reasons).most_common())
    return [f"{sum(reasons.values()):,} put aside ({counts})"]
