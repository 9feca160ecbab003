"""What a search found, as it travels."""

from __future__ import annotations

import math

from shortlist.base.columns import ITEM
from shortlist.base.items import PICTURES
from shortlist.server import answers
from shortlist.server.engine import Answer
from shortlist.server.schemas import SearchItem


def search_items(answer: Answer) -> list[SearchItem]:
    """The results, best first, with their scores, attributes and pictures."""
    pipeline, slates = answer.active.pipeline, answer.slates
    names = [source.name for source in pipeline.sources]
    table = pipeline.items.table
    shown = [name for name, kind in table.schema.items() if name != ITEM and kind != PICTURES]
    attributes = (
        table.select(shown)[slates.items.tolist()].to_dicts() if shown else [{} for _ in slates.items]
    )
    entries = answers.slate_items(answer, "")
    return [
        SearchItem(
            item=entry.item,
            title=entry.title,
            position=entry.position,
            value=entry.value,
            scores={
                name: None if math.isnan(score) else score for name, score in zip(names, scores, strict=True)
            },
            probabilities=entry.probabilities,
            sources=entry.sources,
            reason=said or entry.reason,
            attributes=known,
            picture=f"/v1/pictures/{hash}" if (hash := pipeline.items.picture_hash(position)) else None,
        )
        for entry, scores, said, known, position in zip(
            entries, slates.scores.tolist(), slates.reasons, attributes, slates.items.tolist(), strict=True
        )
    ]
