"""The set of features that follows from a system's schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import polars as pl

from shortlist.base.items import Items
from shortlist.features.kind import FeatureKind
from shortlist.features.kinds.attributes import ItemAttribute, Length, UserAttribute
from shortlist.features.kinds.context import Context
from shortlist.features.kinds.counts import Count
from shortlist.features.kinds.means import Mean
from shortlist.features.kinds.profile import Distance, Popularity, Similarity
from shortlist.features.kinds.recency import Since
from shortlist.features.kinds.shares import Share
from shortlist.features.schema import TITLE, attributes_of, is_shared
from shortlist.system.contracts import TrainingData
from shortlist.system.event import CLOCK, Event

RECENT_WINDOW = "10e"  # a user's newest events, beside the whole history


def automatic(
    events: Sequence[Event], data: TrainingData, excluded: Collection[str] = ()
) -> Iterator[FeatureKind]:
    """Attributes and context as they are; and of each event counts, recency, mean values, shares and similarities.

    Of items, of users, and of users by each attribute of items. ``excluded`` attributes of items are left out:
    those that decide an objective.
    """
    items = Items(data.items.table.drop(*excluded)) if excluded else data.items
    words = _shared_words(items.table)
    texts = [name for name in attributes_of(items.table, "words") if name not in {*words, TITLE}]
    for name in [*attributes_of(items.table, "number"), *attributes_of(items.table, "time"), *words]:
        yield ItemAttribute(name)
    for name in texts:
        yield Length(name)
    users = data.users.table
    for name in [*attributes_of(users, "number"), *attributes_of(users, "time"), *_shared_words(users)]:
        yield UserAttribute(name)
    for name in [*CLOCK, *data.contexts.names]:
        yield Context(name)
    for event in events:
        yield from _of_event(event, items, words)


def _shared_words(table: pl.DataFrame) -> list[str]:
    return [name for name in attributes_of(table, "words") if is_shared(table[name])]


def _of_event(event: Event, items: Items, words: Sequence[str]) -> Iterator[FeatureKind]:
    yield Count(event, by="item")
    yield Count(event, by="item", window="30d")
    yield Count(event, by="user")
    yield Since(event, by="user")
    if event.value:
        yield Mean(event, by="item")
        yield Mean(event, by="user", smoothing=0)
    for window in ("all", RECENT_WINDOW):
        yield Popularity(event, window=window)
        for name in attributes_of(items.table, "number"):
            yield Distance(event, by=("user", name), window=window)
        for name in attributes_of(items.table, "vector"):
            yield Similarity(event, by=("user", name), window=window)
    for name in words:
        yield Share(event, by=("user", name))
        yield Share(event, by=("user", name), window=RECENT_WINDOW)
        if event.value:
            yield Mean(event, by=("user", name), smoothing=3)
