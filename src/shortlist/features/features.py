"""All features of a system: declared once, read as of past moments for training and now for serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.base.columns import ITEM
from shortlist.base.errors import DeclarationError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import Floats
from shortlist.features.automatic import automatic
from shortlist.features.block import Block
from shortlist.features.item import AgeBlock, ItemBlock, ItemReaders, LiveItems, NumberBlock, as_of, named
from shortlist.features.ready import ReadyBlock
from shortlist.features.stored import from_data, to_data
from shortlist.features.user import AffinityBlock, DistanceBlock, TasteBlock, UserBlock
from shortlist.system.event import Event
from shortlist.system.features import Automatic, Feature, Mean, Rate
from shortlist.system.system import System


class SourceBlock(Block):
    """What each source thinks of a candidate."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.names = [f"source_{name}" for name in sources]

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:  # noqa: ARG002
        """Already there: hydration begins with every source's score of every candidate."""
        return candidates.scores


@dataclass(frozen=True)
class Facts:
    """What defines the features, and the few constants that they learned."""

    sources: tuple[str, ...]
    events: tuple[Event, ...]  # an event's code is its place here
    definitions: tuple[Feature, ...]
    automatic: bool  # whether numbers, ages, distances and taste are in
    usual: Mapping[str, float]  # what means and rates are drawn to, by feature
    popularity: Floats  # log(1 + events) of each item when this was learned

    @property
    def codes(self) -> dict[Event, int]:
        """Each event's code."""
        return {event: code for code, event in enumerate(self.events)}


class Features:
    """The columns that rankers see, for any batch of queries and candidates."""

    def __init__(self, items: Items, facts: Facts, readers: ItemReaders) -> None:
        self.items, self.facts, self.readers = items, facts, readers
        self.blocks = [SourceBlock(facts.sources), *self._blocks()]
        self.names = [name for block in self.blocks for name in block.names]

    @classmethod
    def fit(cls, system: System, items: Items, histories: Histories) -> Self:
        """Resolve the declarations, and start the readers of now at the end of ``histories``.

        Raises DeclarationError where a definition names an attribute that is not there.
        """
        events = tuple(system.events)
        definitions: list[Feature] = []
        for each in system.features:
            if isinstance(each, Automatic):
                definitions += automatic(events, items)
            elif isinstance(each, Feature):
                definitions.append(each)
        _must_be_there(definitions, items)
        facts = Facts(
            sources=tuple(source.name for source in system.sources),
            events=events,
            definitions=tuple(definitions),
            automatic=any(isinstance(each, Automatic) for each in system.features),
            usual=_usual(definitions, histories, {event: code for code, event in enumerate(events)}),
            popularity=np.log1p(np.bincount(histories.items, minlength=len(items))).astype(np.float32),
        )
        return cls(items, facts, _live(items, facts, histories))

    def as_of(self, histories: Histories) -> Features:
        """The same features with readers of any past moment of a log: for training and evaluation."""
        return Features(self.items, self.facts, as_of(len(self.items), self.facts.codes, histories))

    @property
    def live(self) -> LiveItems | None:
        """The readers of now, to which a server tells what happens."""
        return self.readers if isinstance(self.readers, LiveItems) else None

    def __call__(self, queries: Queries, candidates: Candidates) -> Floats:
        """float32[candidates, names]."""
        return np.concatenate([block.columns(queries, candidates) for block in self.blocks], axis=1)

    def save(self, folder: Path) -> None:
        """The facts; readers are started again from the histories beside them."""
        facts = self.facts
        save_arrays(folder, popularity=facts.popularity)
        told = {
            "sources": facts.sources,
            "events": [event.name for event in facts.events],
            "definitions": [to_data(each) for each in facts.definitions],
            "automatic": facts.automatic,
            "usual": facts.usual,
        }
        write_json(folder / "features.json", told)

    @classmethod
    def load(cls, folder: Path, items: Items, histories: Histories) -> Self:
        """Read the facts and start the readers of now at the end of ``histories``."""
        told = read_json(folder / "features.json")
        events = tuple(Event(name) for name in told["events"])
        named_events = {event.name: event for event in events}
        facts = Facts(
            sources=tuple(told["sources"]),
            events=events,
            definitions=tuple(from_data(each, named_events) for each in told["definitions"]),
            automatic=told["automatic"],
            usual=told["usual"],
            popularity=load_array(folder, "popularity"),
        )
        return cls(items, facts, _live(items, facts, histories))

    def _blocks(self) -> list[Block]:
        items, facts = self.items, self.facts
        blocks: list[Block] = []
        if facts.automatic:
            blocks += [NumberBlock(items), TasteBlock(facts.popularity)]
            blocks += [DistanceBlock(items, name) for name in named(items, "number")]
            blocks += [AgeBlock(items, name) for name in named(items, "time")]
        of_items = [each for each in facts.definitions if each.owner == "item"]
        of_users = [each for each in facts.definitions if each.owner == "user" and each.per is None]
        blocks += [
            ReadyBlock(of_items, facts.usual, self.readers)
            if isinstance(self.readers, LiveItems)
            else ItemBlock(of_items, facts.usual, self.readers),
            UserBlock(of_users, facts.usual, facts.codes),
        ]
        attributes = dict.fromkeys(
            each.per for each in facts.definitions if each.owner == "user" and each.per
        )
        for attribute in attributes:
            assert attribute is not None
            mine = [each for each in facts.definitions if each.owner == "user" and each.per == attribute]
            blocks.append(AffinityBlock(mine, items, attribute, facts.codes))
        return [block for block in blocks if block.names]


def _live(items: Items, facts: Facts, histories: Histories) -> LiveItems:
    live = LiveItems(len(items), facts.codes, [each for each in facts.definitions if each.owner == "item"])
    live.learn(histories)
    return live


def _usual(
    definitions: Sequence[Feature], histories: Histories, codes: Mapping[Event, int]
) -> dict[str, float]:
    """The mean value, or the rate, over the whole log, for each definition that is drawn to it."""
    usual = {}
    for each in definitions:
        some = histories.event == codes[each.event]
        if isinstance(each, Mean) and not np.isnan(histories.value[some]).all():
            usual[each.name] = float(np.nanmean(histories.value[some]))
        elif isinstance(each, Rate):
            every = int((histories.event == codes[each.over_event]).sum())
            usual[each.name] = float(some.sum() / max(every, 1))
    return usual


def _must_be_there(definitions: Sequence[Feature], items: Items) -> None:
    attributes = [name for name in named(items, "words") if name != ITEM]
    problems = [
        f"feature {each.name!r}: no attribute {each.per!r} with words; {did_you_mean(each.per, attributes)}"
        for each in definitions
        if each.owner == "user" and each.per and each.per not in attributes
    ]
    if problems:
        raise DeclarationError(problems)
