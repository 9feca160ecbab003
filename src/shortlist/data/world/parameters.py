"""Parameters of the synthetic world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from shortlist.base.columns import DAY, SECOND
from shortlist.base.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class WorldParameters:
    """Sizes and behaviour of a world; the model is described in `shortlist.data.world.world`."""

    users: int = 10_000
    items: int = 5_000
    events: int = 1_000_000  # views and purchases together; what is written is within a few percent
    days: int = 60  # length of the log
    start: date = date(2026, 1, 1)
    clusters: int = 32
    dimensions: int = 8  # of the space in which users and items lie
    zipf: float = 1.0  # an item's popularity is rank ** -zipf
    popularity_drift: float = 1.0  # popularity swings between a factor e ** -this and e ** this
    taste_drift: float = 0.5  # part of a user's taste that has changed by the end of the log
    exploration: float = 0.2  # part of visits that go by popularity instead of taste
    slate: int = 10  # items shown in a visit
    position_bias: float = 1.0  # position p (0 is the top) is examined with probability (p + 1) ** -this
    purchase_rate: float = 0.2  # of a view of an item with affinity 1
    new_items: float = 0.3  # part of the catalogue that arrives while the log runs
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [
            f"world: {name} must be {wanted}, not {getattr(self, name)}"
            for name, wanted, fine in self._rules()
            if not fine(getattr(self, name))
        ]
        if not problems and self.clusters > self.items:
            problems = [f"world: {self.clusters} clusters need at least as many items, not {self.items}"]
        if problems:
            raise DeclarationError(problems)

    @staticmethod
    def _rules() -> Iterator[tuple[str, str, Callable[[float], bool]]]:
        for name in ("users", "items", "events", "days", "dimensions"):
            yield name, "at least 1", lambda value: value >= 1
        for name in ("clusters", "slate"):
            yield name, "from 1 to 1000", lambda value: 1 <= value <= 1000
        for name in ("zipf", "popularity_drift", "position_bias", "seed"):
            yield name, "0 or more", lambda value: value >= 0
        for name in ("taste_drift", "exploration", "purchase_rate", "new_items"):
            yield name, "from 0 to 1", lambda value: 0 <= value <= 1

    @property
    def begin(self) -> int:
        """The log's first moment, microseconds."""
        return int(datetime.combine(self.start, time(), UTC).timestamp()) * SECOND

    @property
    def end(self) -> int:
        """The moment after the log's last day."""
        return self.begin + self.days * DAY
