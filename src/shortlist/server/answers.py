"""From slates and explanations to what travels over REST."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from shortlist.base.columns import ITEM, SECOND
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.pipeline.explanation import Explanation
from shortlist.pipeline.slate import Slates
from shortlist.server.engine import ActiveRelease, Answer
from shortlist.server.schemas import (
    ItemExplanation,
    ItemFacts,
    LeftOut,
    PastEvent,
    ReleaseState,
    SlateItem,
    StageFacts,
    UserHistory,
)


def slate_items(answer: Answer, otherwise: str = "popular") -> list[SlateItem]:
    """The entries of the slate, best first; ``otherwise`` is the reason for what no source found."""
    pipeline, slates = answer.active.pipeline, answer.slates
    names = np.array([source.name for source in pipeline.sources], object)
    return [
        SlateItem(
            item=pipeline.items.keys[position],
            title=pipeline.items.title(position),
            position=place,
            value=value,
            probabilities=dict(zip(pipeline.objectives, probabilities, strict=False)),
            sources=(sources := names[found].tolist()),
            reason=_reason(pipeline.items, because, sources) or otherwise,
        )
        for place, (position, value, probabilities, found, because) in enumerate(_entries(slates), 1)
    ]


def _entries(slates: Slates) -> Any:
    return zip(
        slates.items.tolist(),
        slates.values.tolist(),
        slates.probabilities.tolist(),
        slates.retrieved_by,
        slates.because.tolist(),
        strict=True,
    )


def _reason(items: Items, because: int, sources: list[str]) -> str:
    if because >= 0:
        return f"because of {items.title(because)}"
    return f"found by {', '.join(sources)}" if sources else ""


def stages(answer: Answer) -> list[StageFacts]:
    """How each stage went."""
    return [StageFacts(s.name, s.before, s.after, round(s.ms, 3)) for s in answer.slates.stages]


def left_out(answer: Answer) -> list[LeftOut]:
    """Given items that are not in the slate."""
    return [LeftOut(item, reason) for item, reason in answer.left_out.items()]


def item_explanation(explanation: Explanation) -> ItemExplanation:
    """The same, to send."""
    return ItemExplanation(**asdict(explanation))


def item_facts(active: ActiveRelease, position: int) -> ItemFacts:
    """An item with its attributes."""
    items = active.pipeline.items
    attributes = items.table.row(position, named=True)
    attributes.pop(ITEM)
    deleted = active.live is not None and not active.live[position]
    return ItemFacts(items.keys[position], items.title(position), bool(deleted), attributes)


def user_history(active: ActiveRelease, user: str, history: Histories, n: int) -> UserHistory:
    """The newest ``n`` events, newest first."""
    items, names = active.pipeline.items, active.pipeline.events
    newest = history.last(n)
    events = [
        PastEvent(
            item=items.keys[item],
            title=items.title(item),
            event=names[code],
            at=datetime.fromtimestamp(at / SECOND, UTC),
            value=None if np.isnan(value) else value,
        )
        for item, code, at, value in zip(
            newest.items.tolist(),
            newest.event.tolist(),
            newest.at.tolist(),
            newest.value.tolist(),
            strict=True,
        )
    ]
    return UserHistory(user, len(history.items), events[::-1])


def release_state(active: ActiveRelease) -> ReleaseState:
    """The release in service."""
    pipeline, facts = active.pipeline, active.facts
    return ReleaseState(
        number=facts.number,
        created=facts.created,
        items=len(pipeline.items),
        users=len(active.release.users),
        events=list(pipeline.events),
        objectives=list(pipeline.objectives),
        sources=[source.name for source in pipeline.sources],
        facts=dict(facts.facts),
    )
