"""The set of features that follows from a system's schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shortlist.base.contexts import Contexts
from shortlist.base.items import Items
from shortlist.features.words import named, shared
from shortlist.system.event import CLOCK, Event
from shortlist.system.features import Count, Definition, Distance, Mean, Popularity, Share, Similarity, Since
from shortlist.system.static_features import Context, ItemAttribute, Length

LATELY = "10e"


def automatic(events: Sequence[Event], items: Items, contexts: Contexts) -> Iterator[Definition]:
    """Attributes and context as they are; and of each event, how often, how lately, how well and how near.

    Of items, of people, and of people by each attribute.
    """
    words = [name for name in named(items, "words") if shared(items, name)]
    texts = [name for name in named(items, "words") if name not in words and name != "title"]
    for name in [*named(items, "number"), *named(items, "time"), *words]:
        yield ItemAttribute(name)
    for name in texts:
        yield Length(name)
    for name in [*CLOCK, *contexts.names]:
        yield Context(name)
    for event in events:
        yield from _of_event(event, items, words)


def _of_event(event: Event, items: Items, words: Sequence[str]) -> Iterator[Definition]:
    yield Count(event, by="item")
    yield Count(event, by="item", window="30d")
    yield Count(event, by="user")
    yield Since(event, by="user")
    if event.value:
        yield Mean(event, by="item")
        yield Mean(event, by="user", smoothing=0)
    for window in ("all", LATELY):
        yield Popularity(event, window=window)
        for name in named(items, "number"):
            yield Distance(event, by=("user", name), window=window)
        for name in named(items, "vector"):
            yield Similarity(event, by=("user", name), window=window)
    for name in words:
        yield Share(event, by=("user", name))
        yield Share(event, by=("user", name), window=LATELY)
        if event.value:
            yield Mean(event, by=("user", name), smoothing=3)
