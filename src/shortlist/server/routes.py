"""The routes. Each turns a request into one call of the engine, and its result into an answer.

Those that compute are plain functions for the answering thread; the others share the event loop.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import MediaType, Request, Response, delete, get, post, put
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shortlist.base.errors import InvalidRequestError
from shortlist.server import answers
from shortlist.server.compute_pool import computed
from shortlist.server.engine import Answer, Engine, now
from shortlist.server.events import accepted
from shortlist.server.metrics import Metrics
from shortlist.server.middleware import elapsed_ms, request_id
from shortlist.server.schemas import (
    LONGEST,
    MOST,
    EventReceipt,
    EventReceipts,
    EventRequest,
    ExplainRequest,
    Explanations,
    Health,
    ItemFacts,
    ItemState,
    RankRequest,
    Readiness,
    RecommendRequest,
    ReleaseState,
    SimilarRequest,
    Slate,
    UserHistory,
)
from shortlist.storage.store import Exposure

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]
TheEngine = NamedDependency[Engine]
TheMetrics = NamedDependency[Metrics]
QueryKey = Annotated[str, QueryParameter(min_length=1, max_length=LONGEST)]
QueryCount = Annotated[int, QueryParameter(ge=1, le=MOST, description="how many items to return")]
Trace = Annotated[bool, QueryParameter(description="also tell how each stage went")]


@post(
    "/v1/recommend",
    status_code=200,
    tags=["recommend"],
    summary="Recommend items to a user",
)
@computed
def recommend(
    data: JSONBody[RecommendRequest],
    request: AnyRequest,
    engine: TheEngine,
    metrics: TheMetrics,
    trace: Trace = False,
) -> Response[Slate]:
    """The best ``n`` items for the user now. Somebody unknown gets what is popular."""
    user = str(data.user)
    answer = engine.recommend(
        user, data.n, where=data.where, exclude=map(str, data.exclude), context=data.context
    )
    return _slate("recommend", answer, request, engine, metrics, user=user, trace=trace)


@get("/v1/recommend", tags=["recommend"], summary="Recommend items to a user, by URL")
@computed
def recommend_by_url(
    request: AnyRequest,
    engine: TheEngine,
    metrics: TheMetrics,
    *,
    user: QueryKey,
    n: QueryCount = 20,
    where: Annotated[str | None, QueryParameter(description='JSON, for example {"genres": "Comedy"}')] = None,
    exclude: Annotated[list[str] | None, QueryParameter(description="may come several times")] = None,
    context: Annotated[
        str | None, QueryParameter(description='JSON, for example {"device": "mobile"}')
    ] = None,
    trace: Trace = False,
) -> Response[Slate]:
    """The same as POST, for browsers and caches."""
    answer = engine.recommend(
        user,
        n,
        where=_decoded("where", where, dict[str, Any], '{"genres": "Comedy"}'),
        exclude=exclude or (),
        context=_decoded("context", context, dict[str, str], '{"device": "mobile"}'),
    )
    return _slate("recommend", answer, request, engine, metrics, user=user, trace=trace)


@post("/v1/similar", status_code=200, tags=["recommend"], summary="Find items like an item")
@computed
def similar(
    data: JSONBody[SimilarRequest],
    request: AnyRequest,
    engine: TheEngine,
    metrics: TheMetrics,
    trace: Trace = False,
) -> Response[Slate]:
    """The best ``n`` items for somebody who has only seen this one."""
    answer = engine.similar(str(data.item), data.n, where=data.where, context=data.context)
    return _slate("similar", answer, request, engine, metrics, trace=trace)


@post(
    "/v1/rank",
    status_code=200,
    tags=["recommend"],
    summary="Rank candidates of your own",
)
@computed
def rank(
    data: JSONBody[RankRequest],
    request: AnyRequest,
    engine: TheEngine,
    metrics: TheMetrics,
    trace: Trace = False,
) -> Response[Slate]:
    """The given items, best first; those that may not be shown are in ``left_out`` with the reason."""
    user = str(data.user)
    answer = engine.rank(user, [str(item) for item in data.items], context=data.context)
    return _slate("rank", answer, request, engine, metrics, user=user, trace=trace)


@post(
    "/v1/explain",
    status_code=200,
    tags=["recommend"],
    summary="Why this item, and why not that",
)
@computed
def explain(data: JSONBody[ExplainRequest], request: AnyRequest, engine: TheEngine) -> Explanations:
    """Everything that is known about each item's way into the user's slate, or out of it."""
    user = str(data.user)
    asked = [str(item) for item in data.items]
    active, found = engine.explain(user, asked, data.n, context=data.context)
    items = [answers.item_explanation(each) for each in found]
    return Explanations(request_id(request), active.facts.number, user, items)


@post("/v1/events", status_code=200, tags=["events"], summary="Post one event, or a list of up to 1000")
async def events(
    data: JSONBody[EventRequest | list[EventRequest]], engine: TheEngine, metrics: TheMetrics
) -> EventReceipts:
    """Durable when answered, counted once by ``event_id``, seen by the user's next request.

    A batch is accepted whole or not at all.
    """
    active = engine.active
    batch = accepted(active.codes, active.contexts.names, data)
    known = active.pipeline.items.positions(event.item for event in batch) >= 0
    is_new = await asyncio.wrap_future(engine.store.submit(batch))
    metrics.accepted(is_new)
    return EventReceipts(
        [
            EventReceipt(event.event_id, new, known_item)
            for event, new, known_item in zip(batch, is_new, known.tolist(), strict=True)
        ]
    )


@get("/v1/users/{user:str}/history", tags=["catalogue"], summary="What a user did")
async def history(user: FromPath[str], engine: TheEngine, n: QueryCount = 50) -> UserHistory:
    """The newest events first; of somebody unknown, none."""
    active = engine.active
    return answers.user_history(active, user, engine.history(active, user), n)


@get("/v1/items/{item:path}", tags=["catalogue"], summary="Look an item up")
async def get_item(item: FromPath[str], engine: TheEngine) -> ItemFacts:
    """Its title and attributes, and whether it is deleted."""
    return answers.item_facts(*engine.item(item.removeprefix("/")))


@delete("/v1/items/{item:path}", status_code=200, tags=["catalogue"], summary="Delete an item")
async def delete_item(item: FromPath[str], engine: TheEngine) -> ItemState:
    """It is in no slate from now on, in no release, until it is restored."""
    return await _mark(engine, item.removeprefix("/"), deleted=True)


@put("/v1/items/{item:path}", tags=["catalogue"], summary="Restore a deleted item")
async def restore_item(item: FromPath[str], engine: TheEngine) -> ItemState:
    """Undo the deletion."""
    return await _mark(engine, item.removeprefix("/"), deleted=False)


@get("/v1/release", tags=["operation"], summary="The release that serves")
async def release(engine: TheEngine) -> ReleaseState:
    """What it was made from and how it did."""
    return answers.release_state(engine.active)


@get("/health", tags=["operation"], summary="Is the process alive?")
async def health() -> Health:
    """Always, when it answers."""
    return Health()


@get("/ready", tags=["operation"], summary="Can it answer requests?")
async def ready(engine: TheEngine) -> Readiness:
    """503 as long as no release serves."""
    return Readiness(engine.active.facts.number)


@get("/metrics", tags=["operation"], summary="Counters for Prometheus", media_type=MediaType.TEXT)
async def metrics_page(metrics: TheMetrics) -> bytes:
    """Requests, latency, stages, events, release; of all worker processes together."""
    return metrics.page()


ROUTES = [
    recommend,
    recommend_by_url,
    similar,
    rank,
    explain,
    events,
    history,
    get_item,
    delete_item,
    restore_item,
    release,
    health,
    ready,
    metrics_page,
]


def _slate(
    kind: str,
    answer: Answer,
    request: AnyRequest,
    engine: Engine,
    metrics: Metrics,
    *,
    user: str | None = None,
    trace: bool,
) -> Response[Slate]:
    slate = Slate(
        request_id=request_id(request),
        release=answer.active.facts.number,
        user=user,
        items=answers.slate_items(answer, "given" if kind == "rank" else "popular"),
        degraded=list(answer.slates.degraded),
        took_ms=round(elapsed_ms(request), 3),
    )
    if kind == "rank":
        slate.left_out = answers.left_out(answer)
    if trace:
        slate.stages = answers.stages(answer)

    async def afterwards() -> None:
        metrics.walked(answer.slates)
        items = tuple(entry.item for entry in slate.items)
        engine.store.expose(Exposure(slate.request_id, slate.release, kind, user, now(), items))

    return Response(slate, background=BackgroundTask(afterwards))


def _decoded(field: str, text: str | None, kind: type[T], example: str) -> T | None:
    """What a parameter of a URL says as JSON."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise InvalidRequestError(field, f"must be a JSON object, for example {example} ({error})") from error


async def _mark(engine: Engine, item: str, *, deleted: bool) -> ItemState:
    change = engine.store.delete_item if deleted else engine.store.restore_item
    await asyncio.to_thread(change, item)
    known = bool(engine.active.pipeline.items.positions([item])[0] >= 0)
    return ItemState(item, deleted, known)
