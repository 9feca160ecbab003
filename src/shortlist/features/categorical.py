"""Categorical columns for rankers that embed categories, with the vocabularies of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy

import numpy as np
import polars as pl

from shortlist.base.growable import GrowableArray
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray
from shortlist.base.users import Users
from shortlist.features.kinds.attributes import user_positions
from shortlist.features.schema import categories_of
from shortlist.features.vocabulary import UNKNOWN, Vocabulary
from shortlist.system.contracts import CategoricalColumn, TrainingData
from shortlist.system.system import System

VOCABULARY_SIZE = 10_000  # most frequent categories of an attribute; rarer ones are unknown

Vocabularies = Mapping[str, Mapping[str, Sequence[str]]]  # entity ("item", "user") -> attribute -> categories


def learn_vocabularies(system: System, data: TrainingData, excluded: Sequence[str] = ()) -> Vocabularies:
    """Of each attribute that is a category, the most frequent first; ``excluded`` attributes of items are left out."""

    def of(table: pl.DataFrame, names: Sequence[str]) -> dict[str, Sequence[str]]:
        return {name: Vocabulary.learn(table[name], VOCABULARY_SIZE).words for name in names}

    return {
        "item": of(data.items.table, categories_of(data.items.table, system.item, excluded)),
        "user": of(data.users.table, categories_of(data.users.table, system.user)),
    }


class CategoricalColumns:
    """One code per candidate for each category of items (``item_brand``) and users (``user_country``).

    Codes of the whole catalogue are computed when a column is first read, int32 each, and kept.
    """

    def __init__(self, vocabularies: Vocabularies, items: Items, users: Users) -> None:
        self.vocabularies = vocabularies
        self._items, self._users = items, users
        self._coders = {
            (entity, name): Vocabulary(words)
            for entity, attributes in vocabularies.items()
            for name, words in attributes.items()
        }
        self._codes: dict[tuple[str, str], GrowableArray] = {}

    def read(self, queries: Queries, candidates: Candidates) -> Mapping[str, CategoricalColumn]:
        """The columns of ``candidates``; -1 where a value is missing, not in the vocabulary, or the user unknown."""
        return dict(self._columns(queries, candidates))

    def with_new_items(self, items: Items) -> CategoricalColumns:
        """With codes for the new items in those columns that were read."""
        longer = copy(self)
        longer._items, longer._codes = items, {}
        for (entity, name), codes in list(self._codes.items()):
            more = (
                self._coders[entity, name].codes(items.table[name][len(codes) :])
                if entity == "item"
                else codes.rows[:0]
            )
            longer._codes[entity, name] = codes.appended(more)
        return longer

    def _columns(self, queries: Queries, candidates: Candidates) -> Iterator[tuple[str, CategoricalColumn]]:
        if not self._coders:
            return
        of_users = user_positions(self._users, queries)[candidates.rows]
        for entity, name in self._coders:
            codes = self._of_all(entity, name)
            positions = candidates.items if entity == "item" else of_users
            yield (
                f"{entity}_{name}",
                CategoricalColumn(codes.take(positions), self._coders[entity, name].words),
            )

    def _of_all(self, entity: str, name: str) -> AnyArray:
        if (entity, name) not in self._codes:
            coder = self._coders[entity, name]
            if entity == "item":
                codes = coder.codes(self._items.table[name])
            else:
                codes = np.append(coder.codes(self._users.table[name]), np.int32(UNKNOWN))  # of position -1
            self._codes[entity, name] = GrowableArray(codes)
        return self._codes[entity, name].rows
