"""The features of a system as a table: what each is, how often it is known, an example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.features.features import Features
from shortlist.system.features import Decayed, Feature, Windowed

PEOPLE, ITEMS = 200, 50  # sampled; every one of the people with every one of the items


@dataclass(frozen=True)
class Column:
    """One feature."""

    name: str
    owner: str  # "user", "item", "user × genres", or "both"
    window: str
    kind: str
    known: float  # the part of the sample in which it is not missing
    example: float | None


def described(features: Features, histories: Histories) -> list[Column]:
    """Each column over a sample of people at the log's end and of popular items; sources are left out."""
    rng = np.random.default_rng(0)
    people = np.flatnonzero(histories.lengths > 0)
    people = np.sort(rng.permutation(people)[:PEOPLE])
    items = np.argsort(-features.facts.popularity, kind="stable")[:ITEMS].astype(np.int32)
    now = int(histories.at.max(initial=0)) + 1
    queries = Queries(histories.take(people), np.full(len(people), now))
    rows, asked = np.repeat(np.arange(len(people)), len(items)), np.tile(items, len(people))
    scores = np.zeros((len(rows), len(features.facts.sources)), np.float32)
    values = features(queries, Candidates(rows, asked, scores, scores > 0))
    definitions = {each.name: each for each in features.facts.definitions}
    columns = []
    for place, name in enumerate(features.names):
        if place >= len(features.facts.sources):
            known = ~np.isnan(values[:, place])
            example = float(values[known, place][0]) if known.any() else None
            columns.append(Column(name, *_words(definitions.get(name)), float(known.mean()), example))
    return columns


def _words(definition: Feature | None) -> tuple[str, str, str]:
    if definition is None:
        return "both", "", "Schema"
    window = definition.window if isinstance(definition, Windowed) else ""
    if isinstance(definition, Decayed):
        window = f"half-life {definition.half_life}"
    owner = f"{definition.owner} × {definition.per}" if definition.per else definition.owner
    return owner, window, type(definition).__name__
