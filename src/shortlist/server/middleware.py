"""ASGI middleware: every answer has a request id, every request is counted."""

from __future__ import annotations

import re
import uuid
from time import perf_counter
from typing import Any, TypeVar, cast

from litestar import Request, Response
from litestar.background_tasks import BackgroundTask
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shortlist.service.call import Call
from shortlist.service.metrics import Metrics

T = TypeVar("T")
_SAFE_ID = re.compile(rb"[\w.:-]{1,128}")
_ID, _BEGAN = "shortlist_request_id", "shortlist_began"


class RequestMiddleware:
    """Wraps an application. A request keeps the client's X-Request-ID, or gets a new one."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id, began, status = _request_id(scope), perf_counter(), 500
        cast(dict[str, Any], scope).update({_ID: request_id, _BEGAN: began})

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            route = scope.get("path_template") or "unknown"
            self._metrics.responded(route, status, perf_counter() - began)


def request_id(request: Request[Any, Any, Any]) -> str:
    """The id of a request that came through the middleware."""
    return str(cast(dict[str, Any], request.scope)[_ID])


def call_of(request: Request[Any, Any, Any]) -> Call:
    """The call of a request, which began when the request came; its first stage, receive, ends here."""
    call = Call(request_id(request), cast(dict[str, Any], request.scope)[_BEGAN])
    call.stage("receive")
    return call


def answered(answer: T, call: Call) -> Response[T]:
    """The response with ``answer``; counters and exposures of ``call`` follow it."""

    async def finish() -> None:
        call.finish()  # memory only, so it may run on the event loop

    return Response(answer, background=BackgroundTask(finish))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
            return value.decode("ascii")
    return uuid.uuid4().hex
