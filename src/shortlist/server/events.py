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
from shortlist.server.engine import now
from shortlist.server.schemas import MOST, EventRequest
from shortlist.storage.store import AcceptedEvent

AHEAD = 10 * MINUTE  # how far a client's clock may be ahead of ours
_LARGEST = float(np.finfo(np.float32).max)


def accepted(
    known: Collection[str], contexts: Collection[str], posted: EventRequest | Sequence[EventRequest]
) -> list[AcceptedEvent]:
    """The posted event or events, ready for the store. ``known`` and ``contexts`` are names that are declared.

    Raises InvalidRequestError that names the field.
    """
    if isinstance(posted, EventRequest):
        return [_accepted(known, contexts, posted, "")]
    if not 0 < len(posted) <= MOST:
        raise InvalidRequestError("body", f"a batch has 1 to {MOST} events, not {len(posted)}")
    return [_accepted(known, contexts, event, f"[{place}].") for place, event in enumerate(posted)]


def _accepted(
    known: Collection[str], contexts: Collection[str], posted: EventRequest, path: str
) -> AcceptedEvent:
    if posted.event not in known:
        hint = did_you_mean(posted.event, known)
        raise InvalidRequestError(f"{path}event", f"no event {posted.event!r} is declared: {hint}")
    must_be_declared(posted.context, contexts, path)
    value, context = posted.value, posted.context or None
    if value is not None and not abs(value) <= _LARGEST:
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
    if at * SECOND > now() + AHEAD:
        raise InvalidRequestError(
            field, "lies in the future; numbers are seconds since 1970, not milliseconds"
        )
    return round(at * SECOND)
