"""The set of features that follows from a system's schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shortlist.base.items import Items
from shortlist.features.item import named
from shortlist.system.event import Event
from shortlist.system.features import Count, Feature, Mean, Share, Since


def automatic(events: Sequence[Event], items: Items) -> Iterator[Feature]:
    """For each event: how often, how lately and how well, of items, of people, and of people by each attribute."""
    for event in events:
        yield Count(event, by="item")
        yield Count(event, by="item", window="30d")
        yield Count(event, by="user")
        yield Since(event, by="user")
        if event.value:
            yield Mean(event, by="item")
            yield Mean(event, by="user", smoothing=0)
        for attribute in shared_words(items):
            yield Share(event, by=("user", attribute))
            yield Share(event, by=("user", attribute), window="10e")
            if event.value:
                yield Mean(event, by=("user", attribute), smoothing=3)


def shared_words(items: Items) -> list[str]:
    """Attributes whose words items have in common; where nearly every item has its own, there is no affinity."""

    def own(attribute: str) -> bool:
        words = items.words(attribute)
        return words.size > 0.5 * max(len(words.codes), 1)

    return [attribute for attribute in named(items, "words") if not own(attribute)]
