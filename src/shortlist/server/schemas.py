"""What only REST has: pictures as base64 in JSON or as files of a form, health, and problems.

All other bodies are the service's own requests and answers.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar.datastructures import UploadFile
from msgspec import Meta, Struct

from shortlist.service.requests import (
    CROP,
    MAX_KEY,
    MAX_PICTURE,
    MAX_PICTURES,
    Conditions,
    Count,
    Crop,
    ItemKey,
    ServiceRequest,
)

MAX_PICTURE_BODY = MAX_PICTURE * 4 // 3 + 65_536  # bytes of a body: one picture in base64, and the rest

Base64Picture = Annotated[
    str,
    Meta(
        max_length=MAX_PICTURE * 4 // 3 + 200,
        description="JPEG, PNG, WebP, GIF or BMP in base64, or as a data: URL",
    ),
]


class SearchBody(ServiceRequest):
    """What to search for: at least one of a picture, an item and a text."""

    picture: Base64Picture | None = None
    item: Annotated[ItemKey, Meta(description="an item that others should be like")] | None = None
    text: Annotated[
        str, Meta(max_length=MAX_KEY, description="words of names and descriptions", examples=["green apple"])
    ] = ""
    crop: Annotated[Crop, Meta(description=CROP)] | None = None
    n: Count = 20
    where: Conditions | None = None


class SearchForm(Struct, forbid_unknown_fields=True):
    """The same as a form with a file."""

    picture: UploadFile
    text: str = ""
    item: str | None = None
    crop: str | None = None  # "auto" or "0.1,0.1,0.9,0.9"
    n: int = 20
    where: str | None = None  # JSON


class ItemBody(ServiceRequest):
    """A new item."""

    item: ItemKey
    attributes: Annotated[dict[str, Any], Meta(description="as the catalogue has them")] = msgspec.field(
        default_factory=dict
    )
    pictures: Annotated[list[Base64Picture], Meta(max_length=MAX_PICTURES)] = msgspec.field(
        default_factory=list
    )


class Health(Struct):
    """The process is alive."""

    status: str = "ok"


class Readiness(Struct):
    """The server can answer requests, from this release."""

    release: int


class Problem(Struct, omit_defaults=True):
    """What went wrong, after RFC 9457."""

    title: str
    status: int
    detail: str
    request_id: str
    field: Annotated[str, Meta(description="the part of the request that is wrong")] = ""
