"""All features of a system: declared once, read as of past moments for training and now for serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.base.contexts import NO_CONTEXTS, Contexts
from shortlist.base.errors import ReleaseError, UnavailableError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.affinity import AffinityBlock
from shortlist.features.automatic import automatic
from shortlist.features.block import Block
from shortlist.features.catalogue import AgeBlock, CatalogueBlock
from shortlist.features.feast import FeastBlock, must_be_applied
from shortlist.features.fitting import must_fit
from shortlist.features.item import ItemBlock, ItemReaders, LiveItems, as_of
from shortlist.features.materialized import ReadyBlock
from shortlist.features.request import ContextBlock
from shortlist.features.stored import from_data, to_data
from shortlist.features.taste import TasteBlock
from shortlist.features.user import UserBlock
from shortlist.features.words import named
from shortlist.system.contracts import RankerInputs
from shortlist.system.event import Event
from shortlist.system.feast import FeastView
from shortlist.system.features import (
    Automatic,
    Definition,
    Distance,
    Feature,
    Mean,
    Popularity,
    Rate,
    Similarity,
)
from shortlist.system.static_features import Context, ItemAttribute, Length
from shortlist.system.system import System

FORMAT = 2  # of features.json; raised when it changes


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
    contexts: Contexts  # with the words that each has in the log
    definitions: tuple[Definition, ...]
    prior: Mapping[str, float]  # what means and rates are shrunk towards, by feature
    popularity: Floats  # log(1 + events) of each item when this was learned

    @property
    def codes(self) -> dict[Event, int]:
        """Each event's code."""
        return {event: code for code, event in enumerate(self.events)}

    @property
    def of_events(self) -> list[Feature]:
        """The definitions that read events."""
        return [each for each in self.definitions if isinstance(each, Feature)]

    @property
    def of_items(self) -> list[Feature]:
        """Those of them that items own."""
        return [each for each in self.of_events if each.owner == "item"]


class Features:
    """The columns that rankers see, for any batch of queries and candidates."""

    def __init__(self, items: Items, facts: Facts, readers: ItemReaders) -> None:
        self.items, self.facts, self.readers = items, facts, readers
        self.blocks = [SourceBlock(facts.sources), *self._blocks()]
        self.names = [name for block in self.blocks for name in block.names]

    @classmethod
    def fit(
        cls, system: System, items: Items, histories: Histories, contexts: Contexts = NO_CONTEXTS
    ) -> Self:
        """Resolve the declarations, and start the readers of now at the end of ``histories``.

        ``contexts`` has the words of ``histories.context``. Raises DeclarationError where a definition names an
        attribute that is not there, or not of its kind.
        """
        events = tuple(system.events)
        definitions: list[Definition] = []
        for each in system.features:
            definitions += automatic(events, items, contexts) if isinstance(each, Automatic) else [each]
        must_fit(definitions, items)
        must_be_applied(definitions)
        facts = Facts(
            sources=tuple(source.name for source in system.sources),
            events=events,
            contexts=contexts,
            definitions=tuple(definitions),
            prior=_usual(definitions, histories, {event: code for code, event in enumerate(events)}),
            popularity=np.log1p(np.bincount(histories.items, minlength=len(items))).astype(np.float32),
        )
        return cls(items, facts, _live(items, facts, histories))

    def as_of(self, histories: Histories) -> Features:
        """The same features with readers of any past moment of a log: for training and evaluation."""
        facts = self.facts
        return Features(self.items, facts, as_of(len(self.items), facts.codes, histories, facts.contexts))

    def with_new_items(self, items: Items, histories: Histories) -> Features:
        """The same over ``items``, the catalogue with more at its end; readers of now start at the end of
        ``histories`` again.
        """
        more = np.zeros(len(items) - len(self.items), np.float32)
        facts = replace(self.facts, popularity=np.concatenate([self.facts.popularity, more]))
        return Features(items, facts, _live(items, facts, histories))

    @property
    def live(self) -> LiveItems | None:
        """The readers of now, to which a server tells what happens."""
        return self.readers if isinstance(self.readers, LiveItems) else None

    def __call__(
        self, queries: Queries, candidates: Candidates, degraded: list[str] | None = None
    ) -> RankerInputs:
        """What rankers see of the candidates.

        Raises UnavailableError where a block cannot answer; with ``degraded`` its columns are missing instead,
        and the list is told.
        """
        past = queries.histories
        if past.at.max(initial=0) >= queries.at.min(initial=1):
            queries = replace(queries, histories=past.before(queries.at))
        numeric = np.concatenate(
            [_columns(block, queries, candidates, degraded) for block in self.blocks], axis=1
        )
        return RankerInputs(numeric, self.names, candidates.rows, candidates.items, queries)

    def save(self, folder: Path) -> None:
        """The facts; readers are started again from the histories beside them."""
        facts = self.facts
        save_arrays(folder, popularity=facts.popularity)
        told = {
            "format": FORMAT,
            "sources": facts.sources,
            "events": [event.name for event in facts.events],
            "definitions": [to_data(each) for each in facts.definitions],
            "contexts": facts.contexts.vocabularies,
            "prior": facts.prior,
        }
        write_json(folder / "features.json", told)

    @classmethod
    def load(cls, folder: Path, items: Items, histories: Histories) -> Self:
        """Read the facts and start the readers of now at the end of ``histories``.

        Raises ReleaseError where another Shortlist wrote them.
        """
        path = folder / "features.json"
        told = read_json(path) if path.exists() else {}
        if told.get("format", 1) != FORMAT:
            raise ReleaseError(
                f"the features in {folder} have format {told.get('format', 1)}, this Shortlist computes "
                f"{FORMAT}: train again with this one"
            )
        events = tuple(Event(name) for name in told["events"])
        named_events = {event.name: event for event in events}
        facts = Facts(
            sources=tuple(told["sources"]),
            events=events,
            definitions=tuple(from_data(each, named_events) for each in told["definitions"]),
            contexts=Contexts({name: tuple(words) for name, words in told["contexts"].items()}),
            prior=told["prior"],
            popularity=load_array(folder, "popularity"),
        )
        return cls(items, facts, _live(items, facts, histories))

    def _blocks(self) -> list[Block]:
        items, facts = self.items, self.facts
        times = named(items, "time")
        known = [each for each in facts.definitions if isinstance(each, ItemAttribute | Length)]
        ages = [each for each in known if isinstance(each, ItemAttribute) and each.attribute in times]
        of_users = [each for each in facts.of_events if each.owner == "user"]
        taste = [each for each in of_users if isinstance(each, Popularity | Distance | Similarity)]
        others = [each for each in of_users if each not in taste]
        blocks: list[Block] = [
            CatalogueBlock(items, [each for each in known if each not in ages]),
            AgeBlock(items, ages),
            ContextBlock([each for each in facts.definitions if isinstance(each, Context)], facts.contexts),
            ReadyBlock(facts.of_items, facts.prior, self.readers)
            if isinstance(self.readers, LiveItems)
            else ItemBlock(facts.of_items, facts.prior, self.readers),
            UserBlock([each for each in others if each.per is None], facts.prior, facts.codes),
            TasteBlock(taste, items, facts.popularity, facts.codes),
        ]
        for part in dict.fromkeys(each.per for each in others if each.per is not None):
            mine = [each for each in others if each.per == part]
            blocks.append(AffinityBlock(mine, items, part, facts.prior, facts.codes))
        past = not isinstance(self.readers, LiveItems)
        views = [each for each in facts.definitions if isinstance(each, FeastView)]
        blocks += [FeastBlock(view, items, past=past) for view in views]
        return [block for block in blocks if block.names]


def _columns(block: Block, queries: Queries, candidates: Candidates, degraded: list[str] | None) -> Floats:
    try:
        return block.columns(queries, candidates)
    except UnavailableError as error:
        if degraded is None:
            raise
        degraded.append(f"features {', '.join(block.names)}: {error}")
        return np.full((len(candidates), len(block.names)), np.nan, np.float32)


def _live(items: Items, facts: Facts, histories: Histories) -> LiveItems:
    live = LiveItems(len(items), facts.codes, facts.of_items, facts.contexts)
    live.tell(histories)
    return live


def _usual(
    definitions: Sequence[Definition], histories: Histories, codes: Mapping[Event, int]
) -> dict[str, float]:
    """The mean value, or the rate, over the whole log, for each definition that is shrunk towards it."""
    prior = {}
    for each in definitions:
        if not isinstance(each, Mean | Rate):
            continue
        some = histories.event == codes[each.event]
        if isinstance(each, Mean) and not np.isnan(histories.value[some]).all():
            prior[each.name] = float(np.nanmean(histories.value[some]))
        elif isinstance(each, Rate):
            every = int((histories.event == codes[each.over_event]).sum())
            prior[each.name] = float(some.sum() / max(every, 1))
    return prior
