"""From errors to problem documents (RFC 9457) that name the field and reveal no internals."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from shortlist.base.errors import (
    InvalidRequestError,
    NotFoundError,
    StoreError,
    UnavailableError,
)
from shortlist.server.middleware import request_id
from shortlist.server.schemas import Problem

log = logging.getLogger("shortlist.server")

_STATUS = {
    InvalidRequestError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def answer_to(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The problem document for any error that a route or the framework raised."""
    field, detail = "", str(error)
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        field, detail = _of_framework(request, error)
    elif isinstance(error, RecursionError):
        status, field, detail = HTTPStatus.BAD_REQUEST, "body", "is nested too deeply"
    else:
        status = next(
            (s for kind, s in _STATUS.items() if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
        )
        field = error.field if isinstance(error, InvalidRequestError) else ""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request %s to %s failed", request_id(request), request.url.path, exc_info=error)
        detail = "this is a fault of the server; its log has the details under the request id"
    elif isinstance(error, StoreError):
        log.error("request %s to %s failed: %s", request_id(request), request.url.path, error)
        detail = "the event store does not work now; the server's log has the details under the request id"
    problem = Problem(status.phrase, status.value, detail, request_id(request), field)
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(problem, status_code=status, media_type="application/problem+json", headers=headers)


def _of_framework(request: Request[Any, Any, Any], error: HTTPException) -> tuple[str, str]:
    """Field and message of an error that the web framework raised."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "", f"nothing is at {request.url.path}; the routes are described at /schema"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return (
                "",
                f"{request.url.path} does not take {request.method}; the routes are described at /schema",
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return "body", "body: is larger than this route accepts"
        case HTTPStatus.BAD_REQUEST if not isinstance(error, ValidationException):
            return "body", f"body: is not JSON ({error.detail})"
    cause = str(error.__cause__ or error.detail)
    path = re.search(r" - at `\$\.?(.*)`$", cause)
    field = re.sub(r"^data\.?", "", path[1]) if path else ""
    message = cause[: path.start()] if path else cause
    named = re.search(r"(?:unknown field|required field) `(\w+)`", message)
    if named:  # the object is at the path, and the message names its field
        field = ".".join(part for part in (field, named[1]) if part and part != "data")
    missing = re.search(r"Missing required query parameter '(\w+)'", str(error.detail))
    if missing:
        field, message = missing[1], "this query parameter is required"
    return field or "body", f"{field or 'body'}: {message}"
