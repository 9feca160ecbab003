"""What is answered. The same types are the bodies of REST."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from shortlist.service.tables import Tabular

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

    def _entries(self) -> Sequence[Struct]:
        return self.items

    def _heading(self) -> str:
        return f"{len(self.items)} items, release {self.release}, {self.took_ms:.1f} ms"


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

    def _entries(self) -> Sequence[Struct]:
        return self.items

    def _heading(self) -> str:
        return f"{len(self.items)} results, release {self.release}, {self.took_ms:.1f} ms"


class Prediction(Struct):
    """What the ranker says of one row."""

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

    def _entries(self) -> Sequence[Struct]:
        return self.rows

    def _heading(self) -> str:
        return f"{len(self.rows)} rows, release {self.release}"


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

    def _entries(self) -> Sequence[Struct]:
        return self.items

    def _heading(self) -> str:
        return " ".join(each.sentence for each in self.items)


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

    def _entries(self) -> Sequence[Struct]:
        return self.accepted


class ItemFacts(Struct):
    """An item of the catalogue."""

    item: str
    title: str
    deleted: bool
    attributes: dict[str, Any]


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

    def _entries(self) -> Sequence[Struct]:
        return self.events

    def _heading(self) -> str:
        return f"{self.total:,} events of user {self.user}"


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
