"""The routes of search and of pictures: by picture, by item, by text, and together; new items."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, JSONBody

from shortlist.base.errors import InvalidRequestError, NotFoundError
from shortlist.server.compute_pool import blocking, computed, with_picture
from shortlist.server.middleware import answered, call_of
from shortlist.server.schemas import MAX_PICTURE_BODY, ItemBody, SearchBody, SearchForm
from shortlist.service.answers import ItemReceipt, SearchResults
from shortlist.service.call import Call
from shortlist.service.pictures import QueryPicture, read_picture
from shortlist.service.requests import ItemRequest, SearchRequest
from shortlist.service.service import Service

AnyRequest = Request[Any, Any, Any]
TheService = NamedDependency[Service]
YEAR = 31_536_000  # seconds


@post(
    "/v1/search",
    status_code=200,
    tags=["search"],
    summary="Search by picture, item or text",
    request_max_body_size=MAX_PICTURE_BODY,
)
async def search(
    data: JSONBody[SearchBody], request: AnyRequest, service: TheService
) -> Response[SearchResults]:
    """Items that look like the picture or the item and match the text; at least one of them is needed."""
    text = data.picture
    search = SearchRequest(None, data.item, data.text, data.crop, data.n, data.where)
    return await _results(search, request, service, None if text is None else partial(from_base64, text))


@post(
    "/v1/search/upload",
    status_code=200,
    tags=["search"],
    summary="Search by a picture file",
    request_max_body_size=MAX_PICTURE_BODY,
)
async def search_by_upload(
    data: Annotated[SearchForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    request: AnyRequest,
    service: TheService,
) -> Response[SearchResults]:
    """`curl -F picture=@photo.jpg`; the other fields as in the JSON, ``crop`` as "auto" or "0.1,0.1,0.9,0.9"."""
    fields = {"text": data.text, "n": data.n, "item": data.item}
    if data.crop:
        fields["crop"] = data.crop if data.crop == "auto" else _numbers(data.crop)
    if data.where:
        fields["where"] = _json("where", data.where)
    try:
        search = msgspec.convert(fields, SearchRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequestError("body", str(error)) from error
    picture = await data.picture.read()
    return await _results(search, request, service, lambda: picture)


@post(
    "/v1/items",
    status_code=200,
    tags=["catalogue"],
    summary="Add an item",
    request_max_body_size=MAX_PICTURE_BODY,
)
async def add_item(data: JSONBody[ItemBody], service: TheService) -> ItemReceipt:
    """Durable when answered, and retrieved from then on. One that is listed is restored if it was deleted."""
    return await with_picture(partial(_add_item, service, data))


def _add_item(service: Service, data: ItemBody) -> ItemReceipt:
    pictures = [from_base64(text, f"pictures[{index}]") for index, text in enumerate(data.pictures)]
    return service.add_item(ItemRequest(data.item, data.attributes, pictures))


@get(
    "/v1/pictures/{hash:str}",
    tags=["catalogue"],
    summary="A picture of the catalogue",
    media_type="image/jpeg",
)
@blocking
def picture(hash: FromPath[str], service: TheService) -> Response[bytes]:
    """By its content hash, as the results of a search name it."""
    if len(hash) != 64 or not all(c in "0123456789abcdef" for c in hash):
        raise NotFoundError(f"no picture {hash!r}: its name is 64 hexadecimal digits")
    headers = {"Cache-Control": f"public, max-age={YEAR}, immutable"}
    return Response(service.picture(hash), media_type="image/jpeg", headers=headers)


async def _results(
    search: SearchRequest, request: AnyRequest, service: Service, data: Callable[[], bytes] | None
) -> Response[SearchResults]:
    """The answer to ``search`` with the picture in ``data``, which is decoded beside the event loop."""
    call, picture = call_of(request), None
    if data is not None:
        picture = await with_picture(lambda: read_picture(data(), search.crop))
        call.stage("read_picture")
    return await _search(service, search, call, picture)


@computed
def _search(
    service: Service, search: SearchRequest, call: Call, picture: QueryPicture | None
) -> Response[SearchResults]:
    [results] = service.search([search], call, [picture])
    return answered(results, call)


def from_base64(text: str, field: str = "picture") -> bytes:
    """The bytes of a picture in JSON. Raises InvalidRequestError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(field, f"is no base64: {error}") from error


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidRequestError("crop", f"{text!r} is neither auto nor four numbers") from error


def _json(field: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidRequestError(field, f"is no JSON: {error}") from error


ROUTES = [search, search_by_upload, add_item, picture]
