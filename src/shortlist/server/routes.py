"""The routes of recommendations, events, the catalogue and operation: each translates one use case to REST."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import MediaType, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shortlist.base.errors import InvalidRequestError
from shortlist.server.compute_pool import blocking, computed
from shortlist.server.middleware import answered, call_of
from shortlist.server.schemas import Health, Readiness
from shortlist.service.answers import (
    EventReceipts,
    Explanations,
    ExposureReceipt,
    ItemFacts,
    ItemState,
    Predictions,
    ReleaseState,
    Slate,
    UserHistory,
)
from shortlist.service.call import Call
from shortlist.service.requests import (
    MAX_ITEMS,
    MAX_KEY,
    EventRequest,
    ExplainRequest,
    ExposureRequest,
    HistoryRequest,
    PredictRequest,
    RankRequest,
    RecommendRequest,
    SimilarRequest,
)
from shortlist.service.service import Service

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]
TheService = NamedDependency[Service]
QueryKey = Annotated[str, QueryParameter(min_length=1, max_length=MAX_KEY)]
QueryCount = Annotated[int, QueryParameter(ge=1, le=MAX_ITEMS, description="how many items to return")]
Trace = Annotated[bool, QueryParameter(description="also answer with how each stage of the request went")]


@post("/v1/recommend", status_code=200, tags=["recommend"], summary="Recommend items to a user")
@computed
def recommend(
    data: JSONBody[RecommendRequest], request: AnyRequest, service: TheService, trace: Trace = False
) -> Response[Slate]:
    """The best ``n`` items for the user now. An unknown user gets what is popular."""
    call = call_of(request)
    [slate] = service.recommend([data], call)
    return _answer(slate, call, trace=trace)


@get("/v1/recommend", tags=["recommend"], summary="Recommend items to a user, by URL")
@computed
def recommend_by_url(
    request: AnyRequest,
    service: TheService,
    *,
    user: QueryKey,
    n: QueryCount = 20,
    where: Annotated[str | None, QueryParameter(description='JSON, for example {"genres": "Comedy"}')] = None,
    exclude: Annotated[list[str] | None, QueryParameter(description="may be repeated")] = None,
    context: Annotated[
        str | None, QueryParameter(description='JSON, for example {"device": "mobile"}')
    ] = None,
    trace: Trace = False,
) -> Response[Slate]:
    """The same as POST, for browsers and caches."""
    call = call_of(request)
    conditions = _decoded("where", where, dict[str, Any], '{"genres": "Comedy"}')
    values = _decoded("context", context, dict[str, str], '{"device": "mobile"}')
    [slate] = service.recommend([RecommendRequest(user, n, conditions, [*(exclude or ())], values)], call)
    return _answer(slate, call, trace=trace)


@post("/v1/similar", status_code=200, tags=["recommend"], summary="Find items like an item")
@computed
def similar(
    data: JSONBody[SimilarRequest], request: AnyRequest, service: TheService, trace: Trace = False
) -> Response[Slate]:
    """The best ``n`` items for a user who has only seen this one."""
    call = call_of(request)
    [slate] = service.similar([data], call)
    return _answer(slate, call, trace=trace)


@post("/v1/rank", status_code=200, tags=["recommend"], summary="Rank given candidates")
@computed
def rank(
    data: JSONBody[RankRequest], request: AnyRequest, service: TheService, trace: Trace = False
) -> Response[Slate]:
    """The given items, best first; those that may not be shown are in ``left_out`` with the reason."""
    call = call_of(request)
    [slate] = service.rank([data], call)
    return _answer(slate, call, trace=trace)


@post("/v1/predict", status_code=200, tags=["recommend"], summary="Predict the objectives of rows")
@computed
def predict(
    data: JSONBody[PredictRequest], request: AnyRequest, service: TheService, trace: Trace = False
) -> Response[Predictions]:
    """The probability of every objective for each row, in their order; nothing is filtered."""
    call = call_of(request)
    return _answer(service.predict(data, call), call, trace=trace)


@post("/v1/explain", status_code=200, tags=["recommend"], summary="Why this item, and why not that")
@computed
def explain(data: JSONBody[ExplainRequest], request: AnyRequest, service: TheService) -> Explanations:
    """How each item fares on the request path, and what its prediction is made of."""
    return service.explain(data, call_of(request))


@post("/v1/events", status_code=200, tags=["events"], summary="Post one event, or a list of up to 1000")
async def events(data: JSONBody[EventRequest | list[EventRequest]], service: TheService) -> EventReceipts:
    """Durable when answered, counted once by ``event_id``, in the history of the user's next request.

    A batch is accepted whole or not at all.
    """
    batch = [data] if isinstance(data, EventRequest) else data
    return await asyncio.wrap_future(service.submit_events(batch, single=isinstance(data, EventRequest)))


@post("/v1/exposures", status_code=200, tags=["events"], summary="Post what a client really showed")
@blocking
def exposures(data: JSONBody[ExposureRequest], request: AnyRequest, service: TheService) -> ExposureReceipt:
    """For slates that were cached, cut or rearranged on the way: what was shown, in order, and to whom."""
    return service.record_exposure(data, call_of(request))


@get("/v1/users/{user:str}/history", tags=["catalogue"], summary="What a user did")
@blocking
def history(user: FromPath[str], service: TheService, n: QueryCount = 50) -> UserHistory:
    """The newest events first; of an unknown user, none."""
    return service.history(HistoryRequest(user, n))


@get("/v1/items/{item:path}", tags=["catalogue"], summary="Look an item up")
@blocking
def get_item(item: FromPath[str], service: TheService) -> ItemFacts:
    """Its title and attributes, and whether it is deleted."""
    return service.item(item.removeprefix("/"))


@delete("/v1/items/{item:path}", status_code=200, tags=["catalogue"], summary="Delete an item")
@blocking
def delete_item(item: FromPath[str], service: TheService) -> ItemState:
    """It is in no slate from now on, in no release, until it is restored."""
    return service.delete_item(item.removeprefix("/"))


@put("/v1/items/{item:path}", tags=["catalogue"], summary="Restore a deleted item")
@blocking
def restore_item(item: FromPath[str], service: TheService) -> ItemState:
    """Undo the deletion."""
    return service.restore_item(item.removeprefix("/"))


@get("/v1/release", tags=["operation"], summary="The release that serves")
async def release(service: TheService) -> ReleaseState:
    """What it was made from and how it did."""
    return service.release_state()


@get("/health", tags=["operation"], summary="Is the process alive?")
async def health() -> Health:
    """Always, when it answers."""
    return Health()


@get("/ready", tags=["operation"], summary="Can it answer requests?")
async def ready(service: TheService) -> Readiness:
    """503 as long as no release serves."""
    return Readiness(service.state.view.number)


@get("/metrics", tags=["operation"], summary="Counters for Prometheus", media_type=MediaType.TEXT)
@blocking
def metrics_page(service: TheService) -> bytes:
    """Requests, latency, stages, events, release; of all worker processes together."""
    return service.metrics.page()


ROUTES = [
    recommend,
    recommend_by_url,
    similar,
    rank,
    predict,
    explain,
    events,
    exposures,
    history,
    get_item,
    delete_item,
    restore_item,
    release,
    health,
    ready,
    metrics_page,
]


def _answer(answer: T, call: Call, *, trace: bool) -> Response[T]:
    """The response with ``answer``, with its stages only where ``trace`` is set."""
    if not trace:
        answer.stages = msgspec.UNSET  # type: ignore[attr-defined]
    return answered(answer, call)


def _decoded(field: str, text: str | None, kind: type[T], example: str) -> T | None:
    """The JSON in a parameter of a URL; None where it is empty."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise InvalidRequestError(field, f"must be a JSON object, for example {example} ({error})") from error
