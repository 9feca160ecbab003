"""The routes of search: by picture, by item, by words, and together; new items and their pictures."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, JSONBody

from shortlist.base.errors import InvalidRequestError, NotFoundError
from shortlist.server import answers
from shortlist.server.compute_pool import computed
from shortlist.server.engine import Answer, Engine, now
from shortlist.server.found import search_items
from shortlist.server.metrics import Metrics
from shortlist.server.middleware import elapsed_ms, request_id
from shortlist.server.schemas import (
    LARGEST_PICTURE,
    ItemReceipt,
    ItemRequest,
    SearchRequest,
    SearchResults,
)
from shortlist.server.uploads import Upload, apart, from_base64, opened
from shortlist.storage.store import Exposure

AnyRequest = Request[Any, Any, Any]
TheEngine = NamedDependency[Engine]
TheMetrics = NamedDependency[Metrics]
LARGEST = LARGEST_PICTURE * 4 // 3 + 65_536  # bytes of a body: one picture in base64, and the rest
YEAR = 31_536_000  # seconds


class SearchForm(msgspec.Struct, forbid_unknown_fields=True):
    """The same as JSON, as a form with a file."""

    picture: UploadFile
    words: str = ""
    item: str | None = None
    crop: str | None = None  # "auto" or "0.1,0.1,0.9,0.9"
    n: int = 20
    where: str | None = None  # JSON


@post(
    "/v1/search",
    status_code=200,
    tags=["search"],
    summary="Search by picture, item or words",
    request_max_body_size=LARGEST,
)
async def search(
    data: JSONBody[SearchRequest], request: AnyRequest, engine: TheEngine, metrics: TheMetrics
) -> Response[SearchResults]:
    """What looks like the picture or the item, and says the words; at least one of them is needed."""
    return await _results(data, None, request, engine, metrics)


@post(
    "/v1/search/upload",
    status_code=200,
    tags=["search"],
    summary="Search by a picture file",
    request_max_body_size=LARGEST,
)
async def search_by_upload(
    data: Annotated[SearchForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    request: AnyRequest,
    engine: TheEngine,
    metrics: TheMetrics,
) -> Response[SearchResults]:
    """`curl -F picture=@photo.jpg`; the other fields as in the JSON, ``crop`` as "auto" or "0.1,0.1,0.9,0.9"."""
    fields = {"words": data.words, "n": data.n, "item": data.item}
    if data.crop:
        fields["crop"] = data.crop if data.crop == "auto" else _numbers(data.crop)
    if data.where:
        fields["where"] = _json("where", data.where)
    try:
        asked = msgspec.convert(fields, SearchRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequestError("body", str(error)) from error
    return await _results(asked, await data.picture.read(), request, engine, metrics)


@post("/v1/items", status_code=200, tags=["catalogue"], summary="Add an item", request_max_body_size=LARGEST)
async def add_item(data: JSONBody[ItemRequest], engine: TheEngine) -> ItemReceipt:
    """Durable when answered, found by searches within a second. One that is listed is restored if it was deleted."""
    pictures = [from_base64(text, f"pictures[{place}]") for place, text in enumerate(data.pictures)]

    def take_in() -> ItemReceipt:
        hashes = [engine.album.add(picture) for picture in pictures]
        is_new = engine.add_item(str(data.item), data.attributes, hashes)
        return ItemReceipt(str(data.item), is_new, hashes)

    return await apart(take_in)


@get(
    "/v1/pictures/{hash:str}",
    tags=["catalogue"],
    summary="A picture of the catalogue",
    media_type="image/jpeg",
)
async def picture(hash: FromPath[str], engine: TheEngine) -> Response[bytes]:
    """By its content hash, as the results of a search name it."""
    if len(hash) != 64 or not all(c in "0123456789abcdef" for c in hash):
        raise NotFoundError(f"no picture {hash!r}: its name is 64 hexadecimal digits")
    content = engine.album.bytes(hash)
    headers = {"Cache-Control": f"public, max-age={YEAR}, immutable"}
    return Response(content, media_type="image/jpeg", headers=headers)


async def _results(
    asked: SearchRequest, data: bytes | None, request: AnyRequest, engine: Engine, metrics: Metrics
) -> Response[SearchResults]:
    if data is None and asked.picture is not None:
        data = from_base64(asked.picture)
    if data is None and asked.item is None and not asked.words.strip():
        raise InvalidRequestError("body", "name what to look for: a picture, an item or words")
    if data is None and asked.crop is not None:
        raise InvalidRequestError("crop", "is a part of a picture, and there is none")
    upload: Upload | None = None
    if data is not None:
        sent = data
        upload = await apart(lambda: opened(sent, asked.crop))
    answer = await _search(engine, asked, upload)
    results = SearchResults(
        request_id=request_id(request),
        release=answer.active.facts.number,
        items=search_items(answer),
        crop=list(upload.crop) if upload is not None and upload.crop is not None else None,
        degraded=list(answer.slates.degraded),
        decode_ms=round(upload.ms, 3) if upload is not None else 0.0,
        took_ms=round(elapsed_ms(request), 3),
        stages=answers.stages(answer),
    )

    async def afterwards() -> None:
        metrics.walked(answer.slates)
        items = tuple(entry.item for entry in results.items)
        engine.store.expose(Exposure(results.request_id, results.release, "search", None, now(), items))

    return Response(results, background=BackgroundTask(afterwards))


@computed
def _search(engine: Engine, asked: SearchRequest, upload: Upload | None) -> Answer:
    return engine.search(
        asked.n,
        picture=upload.picture if upload is not None else None,
        item=None if asked.item is None else str(asked.item),
        words=asked.words,
        where=asked.where,
    )


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
