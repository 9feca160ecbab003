"""Typed requests of the use cases, with their bounds. Most are also the bodies of REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

MAX_ITEMS = 1000  # of a slate, of candidates to rank, of a list of exclusions, of rows to predict
MAX_EVENTS = 1000  # of a batch
MAX_KEY = 512  # characters
MAX_PICTURE = 20_000_000  # bytes
MAX_PICTURES = 20  # of a new item

Text = Annotated[str, Meta(min_length=1, max_length=MAX_KEY)]
UserKey = Annotated[Text | int, Meta(description="the user's key, text or a whole number", examples=["42"])]
ItemKey = Annotated[Text | int, Meta(description="the item's key, text or a whole number", examples=["50"])]
Count = Annotated[int, Meta(ge=1, le=MAX_ITEMS, description="how many items to return", examples=[10])]
Conditions = Annotated[
    dict[str, Any],
    Meta(
        description="attributes that items must have: a value, a list of which any will do, or a range, "
        'as in {"genres": ["Comedy", "Drama"], "year": {"min": 1990, "max": 1999}}',
    ),
]
ContextValues = Annotated[
    dict[Text, Text],
    Meta(
        description='the contexts that the System declares, as in {"device": "mobile"}; '
        "a value that training did not see counts as missing",
    ),
]
ItemKeys = Annotated[list[ItemKey], Meta(max_length=MAX_ITEMS)]
SomeItemKeys = Annotated[list[ItemKey], Meta(min_length=1, max_length=MAX_ITEMS, examples=[["50", "181"]])]
Side = Annotated[float, Meta(ge=0, le=1)]
Crop = tuple[Side, Side, Side, Side] | Literal["auto"]
CROP = "the part to search with: left, top, right, bottom as shares of the whole, or auto for the main object"


class ServiceRequest(Struct, forbid_unknown_fields=True):
    """Base of requests. An unknown field is an error, so that a misspelt one is noticed."""


class RecommendRequest(ServiceRequest):
    """The user to recommend to, how many items, and which are eligible."""

    user: UserKey
    n: Count = 20
    where: Conditions | None = None
    exclude: Annotated[ItemKeys, Meta(description="items to leave out")] = []
    context: ContextValues | None = None


class SimilarRequest(ServiceRequest):
    """The item that others should be similar to."""

    item: ItemKey
    n: Count = 20
    where: Conditions | None = None
    context: ContextValues | None = None


class SearchRequest(ServiceRequest):
    """What to search for: at least one of a picture (bytes of a file), an item and a text."""

    picture: bytes | None = None
    item: ItemKey | None = None
    text: Annotated[str, Meta(max_length=MAX_KEY)] = ""
    crop: Annotated[Crop, Meta(description=CROP)] | None = None
    n: Count = 20
    where: Conditions | None = None


class RankRequest(ServiceRequest):
    """Candidates that the caller brings."""

    user: UserKey
    items: SomeItemKeys
    context: ContextValues | None = None


class PredictRow(ServiceRequest):
    """One row: an item, with a user and a context where the System has them."""

    item: ItemKey
    user: UserKey | None = None
    context: ContextValues | None = None


class PredictRequest(ServiceRequest):
    """Rows to predict the objectives of; nothing is filtered or sorted."""

    rows: Annotated[
        list[PredictRow],
        Meta(min_length=1, max_length=MAX_ITEMS, examples=[[{"item": "50", "user": "42"}]]),
    ]


class ExplainRequest(ServiceRequest):
    """Items to explain for a user's slate of ``n``."""

    user: UserKey
    items: SomeItemKeys
    n: Count = 20
    context: ContextValues | None = None


class EventRequest(ServiceRequest):
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
    context: ContextValues | None = None


class ItemRequest(ServiceRequest):
    """A new item."""

    item: ItemKey
    attributes: Annotated[dict[str, Any], Meta(description="as the catalogue has them")] = {}
    pictures: Annotated[
        list[bytes], Meta(max_length=MAX_PICTURES, description="JPEG, PNG, WebP, GIF or BMP in base64")
    ] = []


class HistoryRequest(ServiceRequest):
    """The user whose newest ``n`` events to show."""

    user: UserKey
    n: Count = 50


class ExposureRequest(ServiceRequest):
    """What a client really showed, in the order it was shown."""

    items: SomeItemKeys
    user: UserKey | None = None
    request_id: Annotated[Text, Meta(description="of the answer that was shown, if any")] | None = None
