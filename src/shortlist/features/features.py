"""All features of a system: declared once, read as of past moments for training and now for serving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from shortlist.base.contexts import Contexts
from shortlist.base.errors import DeclarationError, ReleaseError, UnavailableError
from shortlist.base.files import read_json, write_json
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.base.users import Users
from shortlist.features.automatic import automatic
from shortlist.features.categorical import CategoricalColumns, Vocabularies, learn_vocabularies
from shortlist.features.kind import Block, BlockInputs, BlockMaker, FeatureKind
from shortlist.features.kinds.source_scores import SourceScoresBlock
from shortlist.features.readers.item_readers import ItemReaders, LiveItems, PastItems
from shortlist.features.readers.reader import ItemStatistics
from shortlist.features.storage import definition_from, load_learned, save_learned, to_data
from shortlist.system.contracts import RankerInputs, TrainingData
from shortlist.system.event import Event, Label
from shortlist.system.features import Automatic
from shortlist.system.system import System

FORMAT = 3  # of features.json; raised when it changes


@dataclass(frozen=True)
class Facts:
    """What defines the features, and what training fixed for the life of a release."""

    sources: tuple[str, ...]
    events: tuple[Event, ...]  # an event's code is its place here
    contexts: Contexts  # with the vocabulary of each
    definitions: tuple[FeatureKind, ...]
    learned: Mapping[str, Any]  # priors, vocabularies, edges of bands, by the keys of ``FeatureKind.learns``
    vocabularies: Vocabularies  # of categorical columns

    @property
    def codes(self) -> dict[Event, int]:
        """Each event's code."""
        return {event: code for code, event in enumerate(self.events)}

    def live_items(self, items: int) -> LiveItems:
        """Live readers of what the definitions need, before any event."""
        needed: dict[tuple[Event, str | None], ItemStatistics] = {}
        for definition in self.definitions:
            for key, statistics in definition.item_statistics.items():
                needed[key] = needed.get(key, ItemStatistics()) | statistics
        return LiveItems(items, self.codes, needed, self.contexts)


class Features:
    """The columns that rankers see, for any batch of queries and candidates.

    ``items`` and ``users`` are what positions mean; ``readers`` those of the events of items.
    """

    def __init__(
        self,
        facts: Facts,
        items: Items,
        users: Users,
        readers: ItemReaders,
        blocks: Sequence[Block] | None = None,
        categorical: CategoricalColumns | None = None,
    ) -> None:
        self.facts, self.items, self.users, self.readers = facts, items, users, readers
        self.blocks = self._blocks() if blocks is None else list(blocks)
        self.categorical = categorical or CategoricalColumns(facts.vocabularies, items, users)
        self.names = [name for block in self.blocks for name in block.names]

    @classmethod
    def fit(cls, system: System, data: TrainingData) -> Self:
        """Resolve the declarations, learn their constants, and start the live readers at the end of the histories.

        Raises DeclarationError with everything in which a definition contradicts the data or a store of its own,
        MissingExtraError where that store's library is missing.
        """
        answers = {name for each in data.objectives if isinstance(each, Label) for name in each.reads}
        excluded = sorted(answers.intersection(data.items.table.columns))
        definitions = _resolved(system, data, excluded)
        problems = [problem for each in definitions for problem in each.data_problems(data)]
        problems += [problem for each in definitions for problem in each.external_problems()]
        if problems:
            raise DeclarationError(problems)
        codes = {event: code for code, event in enumerate(system.events)}
        learned: dict[str, Any] = {}
        for each in definitions:
            for key, compute in each.learns(data, codes):
                if key not in learned:
                    learned[key] = compute()
        facts = Facts(
            sources=tuple(source.name for source in system.sources),
            events=tuple(system.events),
            contexts=data.contexts,
            definitions=tuple(definitions),
            learned={key: value for key, value in learned.items() if value is not None},
            vocabularies=learn_vocabularies(system, data, excluded),
        )
        features = cls(facts, data.items, data.users, _live(facts, data.items, data.histories))
        twice = [name for name, count in Counter(features.names).items() if count > 1]
        if twice:
            raise DeclarationError([f"features: there are several columns {name!r}" for name in twice])
        return features

    def as_of(self, histories: Histories) -> Features:
        """The same features with readers of any past moment of a log: for training and evaluation."""
        facts = self.facts
        readers = PastItems(len(self.items), facts.codes, histories, facts.contexts)
        return Features(facts, self.items, self.users, readers)

    def with_new_items(self, items: Items) -> Features:
        """The same over ``items``, the catalogue with more at its end.

        Arrays are appended to, live readers are shared, and nothing is replayed: events on new items count from
        now on. Requests that began before may still use these features. Words that training has not met are unknown.
        """
        return Features(
            self.facts,
            items,
            self.users,
            self.readers.with_new_items(len(items)),
            [block.with_new_items(items) for block in self.blocks],
            self.categorical.with_new_items(items),
        )

    @property
    def live(self) -> LiveItems | None:
        """The live readers, which a server updates with events."""
        return self.readers if isinstance(self.readers, LiveItems) else None

    def __call__(
        self, queries: Queries, candidates: Candidates, degraded: list[str] | None = None
    ) -> RankerInputs:
        """What rankers see of the candidates. Categorical columns are made when they are read.

        Raises UnavailableError where a block cannot answer; with ``degraded`` its columns are missing instead,
        and the reason is added to the list.
        """
        past = queries.histories
        if past.at.max(initial=0) >= queries.at.min(initial=1):
            queries = replace(queries, histories=past.before(queries.at))
        numeric = np.concatenate(
            [_columns(block, queries, candidates, degraded) for block in self.blocks], axis=1
        )
        categorical = partial(self.categorical.read, queries, candidates)
        return RankerInputs(numeric, self.names, candidates.rows, candidates.items, queries, categorical)

    def save(self, folder: Path) -> None:
        """What defines the features; readers are started again from the histories beside them."""
        facts = self.facts
        data = {
            "format": FORMAT,
            "sources": facts.sources,
            "events": [event.name for event in facts.events],
            "definitions": [to_data(each) for each in facts.definitions],
            "contexts": facts.contexts.vocabularies,
            "learned": save_learned(folder, facts.learned),
            "vocabularies": facts.vocabularies,
        }
        write_json(folder / "features.json", data)

    @classmethod
    def load(cls, folder: Path, items: Items, users: Users, histories: Histories) -> Self:
        """Read what ``save`` wrote and start the live readers at the end of ``histories``.

        Raises ReleaseError where another Shortlist wrote it, or a kind of feature cannot be imported here.
        """
        path = folder / "features.json"
        data = read_json(path) if path.exists() else {}
        if data.get("format", 1) != FORMAT:
            raise ReleaseError(
                f"the features in {folder} have format {data.get('format', 1)}, this Shortlist computes "
                f"{FORMAT}: train again with this one"
            )
        events = tuple(Event(name) for name in data["events"])
        events_by_name = {event.name: event for event in events}
        facts = Facts(
            sources=tuple(data["sources"]),
            events=events,
            definitions=tuple(definition_from(each, events_by_name) for each in data["definitions"]),
            contexts=Contexts({name: tuple(words) for name, words in data["contexts"].items()}),
            learned=load_learned(folder, data["learned"]),
            vocabularies=data["vocabularies"],
        )
        return cls(facts, items, users, _live(facts, items, histories))

    def _blocks(self) -> list[Block]:
        facts = self.facts
        inputs = BlockInputs(self.items, self.users, facts.codes, facts.contexts, facts.learned, self.readers)
        groups: dict[tuple[BlockMaker, Hashable], list[FeatureKind]] = {}
        for each in facts.definitions:
            groups.setdefault((each.block, each.block_key), []).append(each)
        blocks: list[Block] = [SourceScoresBlock(facts.sources)]
        blocks += [make(definitions, inputs) for (make, _), definitions in groups.items()]
        return [block for block in blocks if block.names]


def _resolved(system: System, data: TrainingData, excluded: Sequence[str]) -> list[FeatureKind]:
    """The declared definitions, with the automatic set in its place but for what is declared beside it."""
    declared = {name for each in system.features for name in each.column_names}
    definitions: list[FeatureKind] = []
    for each in system.features:
        if isinstance(each, Automatic):
            automatic_set = automatic(tuple(system.events), data, excluded)
            definitions += [own for own in automatic_set if declared.isdisjoint(own.column_names)]
        elif isinstance(each, FeatureKind):
            definitions.append(each)
        else:
            raise DeclarationError(f"features holds {each!r}, which has no block: derive it from FeatureKind")
    return definitions


def _columns(block: Block, queries: Queries, candidates: Candidates, degraded: list[str] | None) -> Floats:
    try:
        return block.columns(queries, candidates)
    except UnavailableError as error:
        if degraded is None:
            raise
        degraded.append(f"features {', '.join(block.names)}: {error}")
        return np.full((len(candidates), len(block.names)), np.nan, np.float32)


def _live(facts: Facts, items: Items, histories: Histories) -> LiveItems:
    live = facts.live_items(len(items))
    live.add_histories(histories)
    return live
