"""What travels over REST: requests with their bounds, answers, and examples of both."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

MOST = 1000  # items of a slate, candidates to rank, events of a batch
LONGEST = 512  # characters of a key
LARGEST_PICTURE = 20_000_000  # bytes

Text = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
UserKey = Annotated[Text | int, Meta(description="the user's key, text or a whole number", examples=["42"])]
ItemKey = Annotated[Text | int, Meta(description="the item's key, text or a whole number", examples=["50"])]
Count = Annotated[int, Meta(ge=1, le=MOST, description="how many items to return", examples=[10])]
Conditions = Annotated[
    dict[str, Any],
    Meta(
        description="attributes that items must have: a value, a list of which any will do, or a range, "
        'as in {"genres": ["Comedy", "Drama"], "year": {"min": 1990, "max": 1999}}',
    ),
]
ContextWords = Annotated[
    dict[Text, Text],
    Meta(
        description='what is known besides: the contexts that the System declares, as in {"device": "mobile"}; '
        "a word that was never seen counts as unsaid",
    ),
]
ItemKeys = Annotated[list[ItemKey], Meta(max_length=MOST)]
SomeItemKeys = Annotated[list[ItemKey], Meta(min_length=1, max_length=MOST, examples=[["50", "181"]])]


class Query(Struct, forbid_unknown_fields=True):
    """Base of requests: a field that is not known is an error, so a misspelt one is noticed."""


class RecommendRequest(Query):
    """Who asks, for how many items, and which will do."""

    user: UserKey
    n: Count = 20
    where: Conditions | None = None
    exclude: Annotated[ItemKeys, Meta(description="items that must not come")] = []
    context: ContextWords | None = None


class SimilarRequest(Query):
    """The item that others should be similar to."""

    item: ItemKey
    n: Count = 20
    where: Conditions | None = None
    context: ContextWords | None = None


Photo = Annotated[
    str,
    Meta(
        max_length=LARGEST_PICTURE * 4 // 3 + 200,
        description="JPEG, PNG, WebP, GIF or BMP in base64; a data: URL will do",
    ),
]
Side = Annotated[float, Meta(ge=0, le=1)]
Crop = Annotated[
    tuple[Side, Side, Side, Side] | Literal["auto"],
    Meta(
        description='the part that is meant: left, top, right, bottom as shares of the whole, or "auto" for the '
        "main object",
    ),
]


class SearchRequest(Query):
    """What is looked for: at least one of a picture, an item and words."""

    picture: Photo | None = None
    item: Annotated[ItemKey, Meta(description="an item whose like is looked for")] | None = None
    words: Annotated[
        str, Meta(max_length=LONGEST, description="words of names and descriptions", examples=["green apple"])
    ] = ""
    crop: Crop | None = None
    n: Count = 20
    where: Conditions | None = None


class ItemRequest(Query):
    """A new item."""

    item: ItemKey
    attributes: Annotated[dict[str, Any], Meta(description="as the catalogue has them")] = {}
    pictures: Annotated[list[Photo], Meta(max_length=20)] = []


class RankRequest(Query):
    """Candidates that the caller brings."""

    user: UserKey
    items: SomeItemKeys
    context: ContextWords | None = None


class ExplainRequest(Query):
    """Items to explain for a user's slate of ``n``."""

    user: UserKey
    items: SomeItemKeys
    n: Count = 20
    context: ContextWords | None = None


class EventRequest(Query):
    """Something a user did to an item."""

    event: Annotated[Text, Meta(description="the name of a declared event", examples=["rating"])]
    user: UserKey
    item: ItemKey
    value: Annotated[float, Meta(description="a rating, a price, seconds", examples=[4.5])] | None = None
    at: (
        Annotated[
            datetime | float,
            Meta(description="ISO 8601 or Unix seconds; default now", examples=["2026-01-31T12:00:00Z"]),
        ]
        | None
    ) = None
    event_id: (
        Annotated[
            Text,
            Meta(
                description="an id of your own: sending the event again with it changes nothing. "
                "Default: made from all fields where `at` is given, else new each time",
                examples=["web-7f3a-0001"],
            ),
        ]
        | None
    ) = None
    context: ContextWords | None = None


class SlateItem(Struct):
    """One item of a slate."""

    item: str
    title: str
    position: Annotated[int, Meta(description="place in the slate, from 1")]
    value: Annotated[float, Meta(description="what the value model makes of the probabilities")]
    probabilities: Annotated[dict[str, float], Meta(description="objective to probability")]
    sources: Annotated[list[str], Meta(description="who proposed it; nobody: filled up from popularity")]
    reason: str


class StageFacts(Struct):
    """How one stage of the request path went."""

    stage: str
    before: Annotated[int, Meta(description="candidates in")]
    after: Annotated[int, Meta(description="candidates out")]
    ms: float


class LeftOut(Struct):
    """A given item that is not in the answer."""

    item: str
    reason: Annotated[str, Meta(description="unknown item, deleted or filtered")]


class Slate(Struct):
    """The ranked list."""

    request_id: str
    release: int
    items: list[SlateItem]
    degraded: Annotated[list[str], Meta(description="what was left out of the work, and why; usually empty")]
    took_ms: float
    user: str | None = None
    left_out: list[LeftOut] | UnsetType = UNSET
    stages: Annotated[list[StageFacts] | UnsetType, Meta(description="with ?trace=true")] = UNSET


class SearchItem(Struct):
    """One thing that was found."""

    item: str
    title: str
    position: Annotated[int, Meta(description="place among the results, from 1")]
    value: Annotated[float, Meta(description="what the value model, or the fusion of sources, makes of it")]
    scores: Annotated[dict[str, float | None], Meta(description="source to its own score")]
    probabilities: Annotated[dict[str, float], Meta(description="objective to probability")]
    sources: list[str]
    reason: str
    attributes: dict[str, Any]
    picture: Annotated[str | None, Meta(description="where its picture is on this server")]


class SearchResults(Struct):
    """What was found, best first."""

    request_id: str
    release: int
    items: list[SearchItem]
    crop: Annotated[list[float] | None, Meta(description="the part of the picture that was looked at")]
    degraded: list[str]
    decode_ms: Annotated[float, Meta(description="to read the picture; waiting for that is in took_ms")]
    took_ms: float
    stages: list[StageFacts]


class EventReceipt(Struct):
    """What became of one event. It is durable."""

    event_id: str
    new: Annotated[
        bool, Meta(description="false: an event with this id was accepted before; nothing changed")
    ]
    known_item: Annotated[bool, Meta(description="false: not in the catalogue of the release that serves")]


class EventReceipts(Struct):
    """One receipt per event, in the order of the request."""

    accepted: list[EventReceipt]


class ItemExplanation(Struct):
    """Why an item is in the slate, or why not."""

    item: str
    title: str
    sentence: str
    place: Annotated[int | None, Meta(description="in the slate, from 1")]
    ranked: Annotated[int | None, Meta(description="by value alone, before the order moved it")]
    found: Annotated[dict[str, int], Meta(description="source to its rank of the item, from 1")]
    scores: dict[str, float | None]
    dropped: Annotated[list[str], Meta(description="reasons of the filters that drop it")]
    probabilities: dict[str, float | None]
    value: float | None
    features: dict[str, float | None]
    contributions: Annotated[
        dict[str, dict[str, float]], Meta(description="objective to feature to what it adds to the log-odds")
    ]


class Explanations(Struct):
    """One explanation per asked item."""

    request_id: str
    release: int
    user: str
    items: list[ItemExplanation]


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
    known: Annotated[bool, Meta(description="false: not in the catalogue of the release that serves")]


class PastEvent(Struct):
    """Something the user did."""

    item: str
    title: str
    event: str
    at: datetime
    value: float | None


class UserHistory(Struct):
    """What a user did to items of the catalogue, newest first."""

    user: str
    total: int
    events: list[PastEvent]


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


class Health(Struct):
    """The process is there."""

    status: str = "ok"


class Readiness(Struct):
    """The server can answer."""

    release: int


class Problem(Struct, omit_defaults=True):
    """What went wrong, after RFC 9457."""

    title: str
    status: int
    detail: str
    request_id: str
    field: Annotated[str, Meta(description="the part of the request that is wrong")] = ""
