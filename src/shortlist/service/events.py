"""From a posted event to one that the store accepts: its moment, its id, and what cannot be."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import numpy as np

from shortlist.base.columns import MINUTE, SECOND
from shortlist.base.contexts import must_be_declared, to_text
from shortlist.base.errors import InvalidRequestError
from shortlist.base.suggest import did_you_mean
from shortlist.service.online_state import now
from shortlist.service.requests import MAX_EVENTS, EventRequest
from shortlist.storage.store import AcceptedEvent

CLOCK_AHEAD = 10 * MINUTE  # how far a client's clock may be ahead of ours
_LARGEST_VALUE = float(np.finfo(np.float32).max)


def accepted(
    declared: Collection[str],
    contexts: Collection[str],
    posted: Sequence[EventRequest],
    *,
    single: bool = False,
) -> list[AcceptedEvent]:
    """The posted events, ready for the store. ``declared`` and ``contexts`` are names of the System.

    Raises InvalidRequestError that names the field, as ``[index].field`` unless it is a ``single`` event.
    """
    if not 0 < len(posted) <= MAX_EVENTS:
        raise InvalidRequestError("body", f"a batch has 1 to {MAX_EVENTS} events, not {len(posted)}")
    paths = [""] if single else [f"[{index}]." for index in range(len(posted))]
    return [_accepted(declared, contexts, event, path) for event, path in zip(posted, paths, strict=True)]


def _accepted(
    declared: Collection[str], contexts: Collection[str], posted: EventRequest, path: str
) -> AcceptedEvent:
    if posted.event not in declared:
        hint = did_you_mean(posted.event, declared)
        raise InvalidRequestError(f"{path}event", f"no event {posted.event!r} is declared: {hint}")
    must_be_declared(posted.context, contexts, path)
    value, context = posted.value, posted.context or None
    if value is not None and not abs(value) <= _LARGEST_VALUE:
        raise InvalidRequestError(f"{path}value", "must be a finite number that fits 32 bits")
    at = now() if posted.at is None else _moment(f"{path}at", posted.at)
    user, item = str(posted.user), str(posted.item)
    if posted.event_id is not None:
        event_id = posted.event_id
    elif posted.at is None:
        event_id = uuid.uuid4().hex
    else:
        content = json.dumps([posted.event, user, item, at, value, *([to_text(context)] if context else [])])
        event_id = hashlib.sha256(content.encode()).hexdigest()[:32]
    return AcceptedEvent(event_id, posted.event, user, item, at, value, context)


def _moment(field: str, at: datetime | float) -> int:
    """Microseconds since the epoch; a time without a zone is UTC."""
    if isinstance(at, datetime):
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if at < 0:
        raise InvalidRequestError(field, "lies before 1970")
    if at * SECOND > now() + CLOCK_AHEAD:
        raise InvalidRequestError(
            field, "lies in the future; numbers are seconds since 1970, not milliseconds"
        )
    return round(at * SECOND)
