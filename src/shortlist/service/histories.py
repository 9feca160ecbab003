"""What users did up to now: the release's histories, continued by what the store accepted since."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.base.histories import Histories
from shortlist.service.active_release import View
from shortlist.storage.store import AcceptedEvent, StoreState


def histories_of(view: View, users: Sequence[str], state: StoreState) -> Histories:
    """Everything each of ``users`` did to items of the catalogue, one row each, oldest first.

    ``state`` is the store's answer for these users after the release's watermark. Who was forgotten after that has
    no past here; events on unknown items or of undeclared kinds are passed over.
    """
    past = view.release.histories_of(users)
    forgotten = np.array(state.forgotten, np.int64) > view.release.watermark
    if forgotten.any():
        past = past.where(~np.repeat(forgotten, past.lengths))
    if any(state.events):
        parts = [
            _continued(past if len(users) == 1 else past.take(np.array([row])), recent, view)
            for row, recent in enumerate(state.events)
        ]
        past = Histories.stacked(parts)
    return past.of_users(np.array(users, object))


def _continued(past: Histories, recent: Sequence[AcceptedEvent], view: View) -> Histories:
    """The one row ``past`` with ``recent`` events, sorted by time; ties in order of arrival."""
    items = view.pipeline.items.positions(event.item for event in recent)
    codes = np.array([view.event_codes.get(event.event, -1) for event in recent], np.int16)
    known = (items >= 0) & (codes >= 0)
    if not known.any():
        return past
    recent = [event for event, use in zip(recent, known.tolist(), strict=True) if use]
    moments = np.concatenate([past.at, np.array([event.at for event in recent], np.int64)])
    values = [np.nan if event.value is None else event.value for event in recent]
    order = np.argsort(moments, kind="stable")
    context = view.contexts.codes([*[None] * len(past.items), *(event.context for event in recent)])
    if context is not None and past.context is not None:
        context[: len(past.items)] = past.context
    return Histories(
        offsets=np.array([0, len(order)]),
        items=np.concatenate([past.items, items[known]])[order],
        at=moments[order],
        event=np.concatenate([past.event, codes[known]])[order],
        value=np.concatenate([past.value, np.array(values, np.float32)])[order],
        context=None if context is None else context[order],
    )
