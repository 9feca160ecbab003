"""What is answered. The same types are the bodies of REST."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import polars as pl
from msgspec import UNSET, Meta, Struct, UnsetType

from shortlist.service.tables import Tabular, count_of, html_table

MAX_CONTRIBUTIONS = 8  # features shown of an explanation, in HTML

Probabilities = Annotated[dict[str, float], Meta(description="objective to probability")]


class StageTrace(Struct):
    """How one stage of the request went."""

    stage: str
    before: Annotated[int, Meta(description="candidates in")]
    after: Annotated[int, Meta(description="candidates out")]
    ms: float


class SlateItem(Struct):
    """One item of a slate."""

    item: str
    title: str
    position: Annotated[int, Meta(description="in the slate, from 1")]
    value: Annotated[float, Meta(description="what the value model makes of the probabilities")]
    probabilities: Probabilities
    sources: Annotated[list[str], Meta(description="which retrieved it; none: filled in by popularity")]
    reason: str


class LeftOut(Struct):
    """A given item that is not in the answer."""

    item: str
    reason: Annotated[str, Meta(description="unknown item, deleted or filtered")]


class Slate(Tabular):
    """The ranked list."""

    request_id: str
    release: int
    items: list[SlateItem]
    degraded: Annotated[list[str], Meta(description="what was left out of the work, and why; usually empty")]
    took_ms: float
    user: str | None = None
    left_out: list[LeftOut] | UnsetType = UNSET
    stages: Annotated[list[StageTrace] | UnsetType, Meta(description="with ?trace=true")] = UNSET

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return SlateItem, self.items

    def _heading(self) -> str:
        left_out = Counter(each.reason for each in self.left_out or ())
        notes = [f"{count} left out ({reason})" for reason, count in left_out.items()]
        return _summary(count_of(len(self.items), "item"), self, notes)


class SearchItem(SlateItem):
    """One item that was retrieved by a search."""

    scores: Annotated[dict[str, float | None], Meta(description="source to its own score")]
    attributes: dict[str, Any]
    picture: Annotated[str | None, Meta(description="content hash of its first picture")]


class SearchResults(Tabular):
    """What was retrieved, best first."""

    request_id: str
    release: int
    items: list[SearchItem]
    crop: Annotated[list[float] | None, Meta(description="the part of the picture that was searched with")]
    degraded: list[str]
    took_ms: float
    stages: list[StageTrace]

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return SearchItem, self.items

    def _heading(self) -> str:
        return _summary(count_of(len(self.items), "result"), self)


class Prediction(Struct):
    """The prediction for one row."""

    item: str
    probabilities: Probabilities
    value: float
    user: str | None = None


class Predictions(Tabular):
    """One prediction per row, in the order of the request."""

    request_id: str
    release: int
    rows: list[Prediction]
    degraded: list[str]
    took_ms: float
    stages: Annotated[list[StageTrace] | UnsetType, Meta(description="with ?trace=true")] = UNSET

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return Prediction, self.rows

    def _heading(self) -> str:
        return _summary(count_of(len(self.rows), "row"), self)


class ItemExplanation(Struct):
    """Why an item is in the slate, or why not."""

    item: str
    title: str
    sentence: str
    position: Annotated[int | None, Meta(description="in the slate, from 1")]
    position_by_value: Annotated[int | None, Meta(description="before the order moved it, from 1")]
    retrieved_by: Annotated[dict[str, int], Meta(description="source to its rank of the item, from 1")]
    scores: dict[str, float | None]
    filtered_by: Annotated[list[str], Meta(description="reasons of the filters that drop it")]
    probabilities: dict[str, float | None]
    value: float | None
    features: dict[str, float | None]
    contributions: Annotated[
        dict[str, dict[str, float]], Meta(description="objective to feature to what it adds to the log-odds")
    ]


class Explanations(Tabular):
    """One explanation per item."""

    request_id: str
    release: int
    user: str
    items: list[ItemExplanation]

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return ItemExplanation, self.items

    def _heading(self) -> str:
        return " ".join(each.sentence for each in self.items)

    def _repr_html_(self) -> str:
        """For each item its sentence, and the features with the largest contributions."""
        return "".join(html_table(_strongest(each), each.sentence) for each in self.items)


class EventReceipt(Struct):
    """What became of one event. It is durable."""

    event_id: str
    new: Annotated[
        bool, Meta(description="false: an event with this id was accepted before; nothing changed")
    ]
    known_item: Annotated[bool, Meta(description="false: not in the catalogue that serves")]


class EventReceipts(Tabular):
    """One receipt per event, in the order of the request."""

    accepted: list[EventReceipt]

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return EventReceipt, self.accepted

    def _heading(self) -> str:
        return f"{count_of(len(self.accepted), 'event')} accepted"


class ItemFacts(Tabular):
    """An item of the catalogue."""

    item: str
    title: str
    deleted: bool
    attributes: dict[str, Any]

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return ItemFacts, [self]


class ItemReceipt(Struct):
    """What became of a posted item. It is durable."""

    item: str
    new: Annotated[bool, Meta(description="false: it was listed before, and is not deleted any more")]
    pictures: Annotated[list[str], Meta(description="content hashes")]


class ItemState(Struct):
    """An item after it was deleted or restored."""

    item: str
    deleted: bool
    known: Annotated[bool, Meta(description="false: not in the catalogue that serves")]


class PastEvent(Struct):
    """Something the user did."""

    item: str
    title: str
    event: str
    at: datetime
    value: float | None


class UserHistory(Tabular):
    """What a user did to items of the catalogue, newest first."""

    user: str
    total: int
    events: list[PastEvent]

    def _rows(self) -> tuple[type[Struct], Sequence[Struct]]:
        return PastEvent, self.events

    def _heading(self) -> str:
        newest = f", the newest {len(self.events)}" if len(self.events) < self.total else ""
        return f"{count_of(self.total, 'event')} of user {self.user}{newest}"


class ExposureReceipt(Struct):
    """The exposure was noted."""

    request_id: str


class ReleaseState(Struct):
    """The release that serves."""

    number: int
    created: str
    items: int
    users: int
    events: list[str]
    objectives: list[str]
    sources: list[str]
    facts: dict[str, Any]


def _strongest(explanation: ItemExplanation) -> pl.DataFrame:
    """The features that contribute most, for or against: value, and contribution to the log-odds of each objective."""
    objectives = explanation.contributions
    total = {
        name: sum(abs(parts.get(name, 0.0)) for parts in objectives.values())
        for name in dict.fromkeys(name for parts in objectives.values() for name in parts)
    }
    names = sorted(total, key=lambda name: -total[name])[:MAX_CONTRIBUTIONS]
    columns = {"value": explanation.features} | {
        f"contribution.{name}": parts for name, parts in objectives.items()
    }
    return pl.DataFrame(
        [pl.Series("feature", names, pl.String)]
        + [
            pl.Series(column, [values.get(name) for name in names], pl.Float64)
            for column, values in columns.items()
        ]
    )


def _summary(count: str, answer: Slate | SearchResults | Predictions, notes: Sequence[str] = ()) -> str:
    degraded = [f"degraded: {note}" for note in answer.degraded]
    return "; ".join([f"{count}, release {answer.release}, {answer.took_ms:.1f} ms", *notes, *degraded])
