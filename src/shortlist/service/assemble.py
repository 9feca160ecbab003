"""From slates, histories and explanations to answers: the one place where they are assembled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
from msgspec import structs

from shortlist.base.columns import ITEM, SECOND
from shortlist.base.histories import Histories
from shortlist.base.items import PICTURES
from shortlist.pipeline.explanation import Explanation
from shortlist.pipeline.slate import Slates, Stage
from shortlist.service.active_release import View
from shortlist.service.answers import (
    ItemExplanation,
    ItemFacts,
    PastEvent,
    Prediction,
    ReleaseState,
    SearchItem,
    SlateItem,
    StageTrace,
    UserHistory,
)


def stage_traces(stages: Iterable[Stage]) -> list[StageTrace]:
    """How each stage went."""
    return [StageTrace(stage.name, stage.before, stage.after, round(stage.ms, 3)) for stage in stages]


def slate_items(view: View, slates: Slates, without_source: str = "popular") -> list[SlateItem]:
    """The entries of one slate, best first; ``without_source`` is the reason where no source retrieved it."""
    pipeline, positions = view.pipeline, slates.items.tolist()
    sources = _sources(view, slates)
    return [
        SlateItem(pipeline.items.keys[position], title, place, value, chances, by, reason or without_source)
        for place, (position, title, value, chances, by, reason) in enumerate(
            zip(
                positions,
                pipeline.items.titles(slates.items),
                slates.values.tolist(),
                _probabilities(view, slates),
                sources,
                _reasons(view, slates, sources),
                strict=True,
            ),
            1,
        )
    ]


def search_items(view: View, slates: Slates) -> list[SearchItem]:
    """The entries of one slate with every source's score, their attributes and their picture."""
    items = view.pipeline.items
    names = [source.name for source in view.pipeline.sources]
    shown = [name for name, kind in items.table.schema.items() if name != ITEM and kind != PICTURES]
    rows = items.table.select(shown)[slates.items.tolist()].to_dicts() if shown else [{}] * len(slates.items)
    return [
        SearchItem(
            **structs.asdict(entry),
            scores={
                name: None if math.isnan(score) else score for name, score in zip(names, scores, strict=True)
            },
            attributes=attributes,
            picture=items.picture_hash(position),
        )
        for entry, scores, attributes, position in zip(
            slate_items(view, slates, ""), slates.scores.tolist(), rows, slates.items.tolist(), strict=True
        )
    ]


def predictions(view: View, slates: Slates, users: Sequence[str | None]) -> list[Prediction]:
    """One prediction per entry, in their order; ``users`` is whose each is."""
    keys = view.pipeline.items.keys
    return [
        Prediction(keys[position], chances, value, user)
        for position, chances, value, user in zip(
            slates.items.tolist(), _probabilities(view, slates), slates.values.tolist(), users, strict=True
        )
    ]


def _probabilities(view: View, slates: Slates) -> list[dict[str, float]]:
    names = view.pipeline.objectives if slates.probabilities.shape[1] else ()
    return [dict(zip(names, row, strict=True)) for row in slates.probabilities.tolist()]


def _sources(view: View, slates: Slates) -> list[list[str]]:
    names = np.array([source.name for source in view.pipeline.sources], object)
    return [names[by].tolist() for by in slates.retrieved_by]


def _reasons(view: View, slates: Slates, sources: Sequence[Sequence[str]]) -> list[str]:
    """A source's description of the entry, else the history item behind it, else which sources retrieved it."""
    anchors = np.unique(slates.because[slates.because >= 0])
    titles = dict(zip(anchors.tolist(), view.pipeline.items.titles(anchors), strict=True))
    return [
        own or (f"because of {titles[anchor]}" if anchor >= 0 else _retrieved_by(by))
        for own, anchor, by in zip(slates.reasons, slates.because.tolist(), sources, strict=True)
    ]


def _retrieved_by(sources: Sequence[str]) -> str:
    return f"retrieved by {', '.join(sources)}" if sources else ""


def item_explanation(explanation: Explanation) -> ItemExplanation:
    """The same as an answer."""
    return ItemExplanation(**asdict(explanation))


def item_facts(view: View, position: int) -> ItemFacts:
    """An item with its attributes."""
    items = view.pipeline.items
    attributes = items.table.row(position, named=True)
    attributes.pop(ITEM)
    return ItemFacts(items.keys[position], items.title(position), view.is_deleted(position), attributes)


def user_history(view: View, user: str, history: Histories, n: int) -> UserHistory:
    """The newest ``n`` events of the one row ``history``, newest first."""
    items, names = view.pipeline.items, view.pipeline.events
    newest = history.last(n)
    events = [
        PastEvent(
            item=items.keys[item],
            title=title,
            event=names[code],
            at=datetime.fromtimestamp(at / SECOND, UTC),
            value=None if np.isnan(value) else value,
        )
        for item, title, code, at, value in zip(
            newest.items.tolist(),
            items.titles(newest.items),
            newest.event.tolist(),
            newest.at.tolist(),
            newest.value.tolist(),
            strict=True,
        )
    ]
    return UserHistory(user, len(history.items), events[::-1])


def release_state(view: View) -> ReleaseState:
    """The release that serves."""
    pipeline, facts = view.pipeline, view.active.facts
    details: Mapping[str, object] = facts.facts
    return ReleaseState(
        number=facts.number,
        created=facts.created,
        items=len(pipeline.items),
        users=len(view.release.users),
        events=list(pipeline.events),
        objectives=list(pipeline.objectives),
        sources=[source.name for source in pipeline.sources],
        facts=dict(details),
    )
