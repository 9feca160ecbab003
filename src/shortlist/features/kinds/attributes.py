"""Attributes of items and users as they are: numbers, ages, words, lengths."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from shortlist.base.columns import DAY
from shortlist.base.errors import DeclarationError
from shortlist.base.growable import GrowableArray
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats, Positions
from shortlist.base.users import Users
from shortlist.features.event_definition import missing_attribute
from shortlist.features.kind import Block, BlockInputs, BlockMaker, FeatureKind
from shortlist.features.schema import attributes_of
from shortlist.features.vocabulary import Vocabulary
from shortlist.system.contracts import TrainingData
from shortlist.system.entity import Entity
from shortlist.system.event import Event, Label
from shortlist.system.features import Declared, attribute_problems


@dataclass(frozen=True)
class _Attribute(FeatureKind):
    """An attribute of one of the two entities."""

    attribute: str

    kinds: ClassVar[tuple[str, ...]] = ("number", "time", "words")  # that it reads
    of_user: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Entity and attribute."""
        return f"{self.owner}_{self.attribute}"

    @property
    def owner(self) -> str:
        """The entity."""
        return "user" if self.of_user else "item"

    def problems(self, system: Declared) -> Iterator[str]:
        """An attribute that the entity does not declare."""
        if self.of_user and system.user is None:
            yield f"{self!r}: the System has no users"
        entity: Entity | None = system.user if self.of_user else system.item
        yield from attribute_problems(repr(self), entity, f"{self.owner}s", self.attribute)
        labels = [each for each in system.objectives if isinstance(each, Label) and not self.of_user]
        for label in labels:
            if self.attribute in label.reads:
                yield (
                    f"{self!r} reads {self.attribute!r}, which decides the label {label.name!r}: remove the feature"
                )

    def data_problems(self, data: TrainingData) -> Iterator[str]:
        """One that is not in the data, or of another kind."""
        table = self.table(data)
        right = [name for kind in self.kinds for name in attributes_of(table, kind)]
        yield from missing_attribute(repr(self), self.attribute, table.columns, right)

    def table(self, of: TrainingData | BlockInputs) -> pl.DataFrame:
        """The attributes of the entity."""
        return of.users.table if self.of_user else of.items.table

    @abstractmethod
    def encoder(self, dtype: pl.DataType, learned: Mapping[str, Any]) -> Encoder:
        """The columns of a ``dtype``."""


@dataclass(frozen=True)
class Encoder:
    """The columns that are made of an attribute, from rows of its entity."""

    names: Sequence[str]
    encode: Callable[[pl.Series], AnyArray]  # float[rows, names]
    is_time: bool = False  # microseconds, of which the age is read


@dataclass(frozen=True)
class _AsItIs(_Attribute):
    """Numbers, ages and the most frequent words."""

    max_categories: int = 20

    def __post_init__(self) -> None:
        if self.max_categories < 1:
            raise DeclarationError(
                f"the attribute {self.attribute!r}: max_categories must be at least 1, not {self.max_categories}"
            )

    @property
    def block(self) -> BlockMaker:
        """One for all attributes of the entity."""
        return UserAttributesBlock if self.of_user else ItemAttributesBlock

    def learns(
        self,
        data: TrainingData,
        codes: Mapping[Event, int],  # noqa: ARG002
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """The most frequent words."""
        table = self.table(data)
        if self.attribute in attributes_of(table, "words"):
            column = table[self.attribute]
            yield self._key, lambda: list(Vocabulary.learn(column, self.max_categories).words)

    def encoder(self, dtype: pl.DataType, learned: Mapping[str, Any]) -> Encoder:
        """By the type of the attribute."""
        if dtype.is_integer():
            return Encoder([f"{self.name}_age"], lambda column: _one_column(column, pl.Float64), is_time=True)
        if dtype.is_float():
            return Encoder([self.name], _one_column)
        vocabulary = Vocabulary(learned[self._key])
        names = [f"{self.name}={word}" for word in vocabulary.words]
        return Encoder(names, lambda column: _one_hot(column, vocabulary))

    @property
    def _key(self) -> str:
        return f"words.{self.name}.{self.max_categories}"


@dataclass(frozen=True)
class ItemAttribute(_AsItIs):
    """An attribute of the candidate as it is.

    A number is one column, a time its age in days at the moment of the query. Words (a category, tags) are a column
    of 0 and 1 for each of the ``max_categories`` words that most items have: all 0 for an item with other words
    only, all missing for one without words.
    """


@dataclass(frozen=True)
class UserAttribute(_AsItIs):
    """An attribute of the user of the query as it is, in columns as `ItemAttribute` has them.

    A user who is not among those of the training data has all of them missing, as a missing value has. A word that
    training has not met is none of the columns: all are 0.
    """

    of_user: ClassVar[bool] = True


@dataclass(frozen=True)
class Length(_Attribute):
    """How long the candidate's text is, in characters, or how many words its tags have."""

    kinds: ClassVar[tuple[str, ...]] = ("words",)

    @property
    def name(self) -> str:
        """With the word length."""
        return f"{super().name}_length"

    @property
    def block(self) -> BlockMaker:
        """That of all attributes."""
        return ItemAttributesBlock

    def encoder(self, dtype: pl.DataType, learned: Mapping[str, Any]) -> Encoder:  # noqa: ARG002
        """One number."""
        if isinstance(dtype, pl.List):
            return Encoder([self.name], lambda column: _one_column(column.list.len()))
        return Encoder([self.name], lambda column: _one_column(column.str.len_chars()))


class _AttributesBlock(Block):
    """What does not change is one matrix in the process, whose rows are taken by position; ages are counted."""

    def __init__(self, definitions: Sequence[_Attribute], inputs: BlockInputs) -> None:
        table = definitions[0].table(inputs)
        encoders = [
            (each, each.encoder(table.schema[each.attribute], inputs.learned)) for each in definitions
        ]
        self._static = [(each, encoder) for each, encoder in encoders if not encoder.is_time]
        self._times = [(each, encoder) for each, encoder in encoders if encoder.is_time]
        parts = [*self._static, *self._times]
        self.names = [name for _, encoder in parts for name in encoder.names]
        self.definitions = [each for each, encoder in parts for _ in encoder.names]
        self._matrix = GrowableArray(_encoded(self._static, table, np.float32))
        self._moments = GrowableArray(_encoded(self._times, table, np.float64))

    def _read(self, rows: AnyArray, at: AnyArray) -> Floats:
        """Of the entity's ``rows``, at the moment of each; ages in days, below 0 before the attribute's time."""
        static: Floats = self._matrix.rows.take(rows, axis=0)
        if not self._times:
            return static
        ages = (at[:, None] - self._moments.rows.take(rows, axis=0)) / DAY
        return np.concatenate([static, ages.astype(np.float32)], axis=1)


class ItemAttributesBlock(_AttributesBlock):
    """Of each candidate."""

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Rows of the catalogue's matrix."""
        return self._read(candidates.items, queries.at[candidates.rows] if self._times else candidates.rows)

    def with_new_items(self, items: Items) -> ItemAttributesBlock:
        """With rows for the new items, by the words of training."""
        longer = copy(self)
        new = items.table[len(self._matrix) :]
        longer._matrix = self._matrix.appended(_encoded(self._static, new, np.float32))
        longer._moments = self._moments.appended(_encoded(self._times, new, np.float64))
        return longer


class UserAttributesBlock(_AttributesBlock):
    """Of the user of each query, read once and repeated for its candidates."""

    def __init__(self, definitions: Sequence[_Attribute], inputs: BlockInputs) -> None:
        super().__init__(definitions, inputs)
        self._users: Users = inputs.users
        # the last row is that of position -1, an unknown user
        self._matrix = self._matrix.appended(np.full((1, self._matrix.rows.shape[1]), np.nan, np.float32))
        self._moments = self._moments.appended(np.full((1, self._moments.rows.shape[1]), np.nan))

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN for an unknown user."""
        return self._read(user_positions(self._users, queries), queries.at).take(candidates.rows, axis=0)


def user_positions(users: Users, queries: Queries) -> Positions:
    """The position of each query's user, int32[queries]; -1 where there is none or it is unknown."""
    keys = queries.histories.users
    return np.full(len(queries), -1, np.int32) if keys is None else users.positions(keys.tolist())


def _encoded(parts: Sequence[tuple[_Attribute, Encoder]], table: pl.DataFrame, dtype: type) -> AnyArray:
    columns = [encoder.encode(table[each.attribute]) for each, encoder in parts]
    return np.concatenate([np.zeros((len(table), 0), dtype), *columns], axis=1)


def _one_column(column: pl.Series, dtype: type[pl.DataType] = pl.Float32) -> AnyArray:
    return column.cast(dtype).to_numpy()[:, None]


def _one_hot(column: pl.Series, vocabulary: Vocabulary) -> Floats:
    """1 for each word that a row has; all NaN where it has no word at all."""
    lists = isinstance(column.dtype, pl.List)
    some = (
        column.list.drop_nulls().list.len().fill_null(0) > 0 if lists else column.is_not_null()
    ).to_numpy()
    table = np.where(some[:, None], np.zeros(len(vocabulary), np.float32), np.float32(np.nan))
    table[vocabulary.encode(column)] = 1.0
    return table
