"""Feature views of a Feast repository, read as of past moments and now.

As of t a value is used whose event timestamp lies before t and which, where its source has a created timestamp,
was created before t. Feast takes what is not later than the moment that is requested, so the microsecond before t
is requested. Now is what was last materialized into the online store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from shortlist.base.errors import DataError, DeclarationError, UnavailableError
from shortlist.base.items import Items
from shortlist.base.optional import require
from shortlist.base.queries import Candidates, Queries
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Floats, Moments
from shortlist.features.kind import Block, BlockInputs, BlockMaker, FeatureKind

NUMERIC_TYPES = {"INT32", "INT64", "FLOAT", "DOUBLE", "BOOL"}  # value types of Feast
INTEGER_TYPES = {"INT32", "INT64"}
ONLINE_BATCH = 10_000  # keys in one request to the online store; a request of Shortlist has far fewer


@dataclass(frozen=True)
class FeastView(FeatureKind):
    """Numbers that Feast keeps: ``FeastView("item_stats", repo="feature_repo", features=["ctr"], by="item")``.

    ``view`` is a feature view with one entity, ``by`` is whose keys it has, "user" or "item", and
    ``repo`` is the folder of ``feature_store.yaml``; a relative one is read from the folder of the System file.
    Each feature is a column ``VIEW_FEATURE``. As of a moment it is read from Feast's offline store, now from its
    online store; missing values are missing.
    """

    from_log: ClassVar[bool] = False

    view: str
    repo: str = "feature_repo"
    features: Sequence[str] = ()
    by: str = "item"

    def __post_init__(self) -> None:
        problems = list(self._declaration_problems())
        if problems:
            raise DeclarationError(problems)
        object.__setattr__(self, "features", tuple(self.features))  # can be hashed

    @property
    def name(self) -> str:
        """The view's."""
        return self.view

    @property
    def column_names(self) -> list[str]:
        """View and feature."""
        return [f"{self.view}_{feature}" for feature in self.features]

    @property
    def owner(self) -> str:
        """Whose keys are those of the view."""
        return self.by

    @property
    def entity(self) -> None:
        """None: Feast computes the values, and has them."""
        return

    @property
    def block(self) -> BlockMaker:
        """One for each view."""
        return FeastBlock

    @property
    def block_key(self) -> FeastView:
        """The view itself."""
        return self

    def resolved(self, root: Path) -> FeastView:
        """The same with a relative ``repo`` resolved from the folder ``root``."""
        return replace(self, repo=str(root / self.repo))

    def external_problems(self) -> Iterator[str]:
        """Everything that Feast does not know. Raises MissingExtraError."""
        try:
            open_view(self)
        except DeclarationError as error:
            yield from error.problems

    def _declaration_problems(self) -> Iterator[str]:
        if isinstance(self.features, str) or not self.features:
            yield f"feature view {self.view!r}: name its features in a list, features=['ctr']"
        if self.by not in {"user", "item"}:
            yield f"feature view {self.view!r}: by is 'user' or 'item', not {self.by!r}"


class FeastBlock(Block):
    """The columns of one view, of users or of items."""

    def __init__(self, definitions: Sequence[FeastView], inputs: BlockInputs) -> None:
        (self.view,) = definitions
        self.items, self.past = inputs.items, not inputs.live
        self.names = self.view.column_names
        self.definitions = [self.view] * len(self.names)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """One request for all candidates; NaN where Feast has no value, or a query has no user.

        Raises UnavailableError where the online store does not answer, DataError where the offline store does not.
        """
        opened = self._opened()
        if self.view.by == "item":
            return self._read(opened, self.items.keys, candidates.items, queries.at[candidates.rows])
        if queries.histories.users is None:
            return np.full((len(candidates), len(self.names)), np.nan, np.float32)
        keys, users = np.unique(queries.histories.users.astype(str), return_inverse=True)
        rows, back = np.unique(candidates.rows, return_inverse=True)
        return self._read(opened, keys.tolist(), users[rows], queries.at[rows])[back]

    def with_new_items(self, items: Items) -> FeastBlock:
        """With the keys of the new items."""
        longer = copy(self)
        longer.items = items
        return longer

    def _opened(self) -> Opened:
        if self.past:
            return open_view(self.view)
        try:
            return open_view(self.view)
        except DeclarationError as error:  # it was there when the release was made
            raise UnavailableError(str(error)) from error

    def _read(self, opened: Opened, keys: Sequence[str], owners: AnyArray, at: Moments) -> Floats:
        """The values of ``keys[owners]``, each key and moment read once."""
        moments, when = np.unique(at if self.past else np.zeros_like(at), return_inverse=True)
        pairs, back = np.unique(owners.astype(np.int64) * len(moments) + when, return_inverse=True)
        wanted = [keys[owner] for owner in pairs // max(len(moments), 1)]
        if self.past:
            return opened.as_of(wanted, moments[pairs % max(len(moments), 1)])[back]
        return opened.now(wanted)[back]


@lru_cache
def open_view(view: FeastView) -> Opened:
    """Find ``view`` in its repository. What goes wrong is tried again at the next call.

    Raises MissingExtraError, and DeclarationError with every name that Feast does not know.
    """
    feast = require("feast", extra="feast", why=f"the feature view {view.view!r}")
    try:
        store = feast.FeatureStore(view.repo)
        views = {each.name: each for each in store.list_feature_views()}
    except Exception as error:
        raise DeclarationError(
            f"Feast cannot open the repository {view.repo}, which should hold a feature_store.yaml: {error}"
        ) from error
    if view.view not in views:
        hint = did_you_mean(view.view, views)
        raise DeclarationError(f"no feature view {view.view!r} was applied in {view.repo}: {hint}")
    applied = views[view.view]
    problems = list(_problems(view, applied))
    if problems:
        raise DeclarationError(problems)
    (key,) = applied.entity_columns
    created = bool(applied.batch_source.created_timestamp_column)
    return Opened(view, store, key.name, key.dtype.to_value_type().name in INTEGER_TYPES, created)


def _problems(view: FeastView, applied: Any) -> Iterator[str]:
    """Where the declaration does not fit the view that Feast has."""
    keys = [column.name for column in applied.entity_columns]
    if len(keys) != 1 or not applied.entities or applied.entities == ["__dummy"]:
        yield f"feature view {view.view!r} is not read by one key but by {', '.join(keys) or 'none'}"
    kinds = {feature.name: feature.dtype.to_value_type().name for feature in applied.features}
    for name in view.features:
        if name not in kinds:
            yield f"feature view {view.view!r} has no feature {name!r}: {did_you_mean(name, kinds)}"
        elif kinds[name] not in NUMERIC_TYPES:
            yield f"feature {name!r} of the view {view.view!r} is no number but {kinds[name]}"


@dataclass(frozen=True)
class Opened:
    """A view in an open repository."""

    view: FeastView
    store: Any  # feast.FeatureStore, which any thread may read
    key: str  # the join key of its entity
    integer_keys: bool  # whether keys are integers there; here they are text
    created: bool  # whether values say when they were created

    def as_of(self, keys: Sequence[str], at: Moments) -> Floats:
        """float32[keys, features] as of ``at``; no key twice with the same moment. Raises DataError."""
        pandas = require("pandas", extra="feast", why=f"the feature view {self.view.view!r}")
        values = self._missing(keys)
        positions, possible = self._possible(keys)
        if not len(possible):
            return values
        before = pandas.to_datetime(at[positions] - 1, unit="us", utc=True)
        entities = pandas.DataFrame({self.key: possible, "event_timestamp": before, "position": positions})
        try:
            job = self.store.get_historical_features(
                entities, self._references(), filter_by_created_timestamp=self.created
            )
            answer = job.to_df()  # in any order, and without those for which there is nothing
        except Exception as error:
            raise DataError(
                f"Feast cannot give {self.view.view!r} as of past moments ({type(error).__name__}): {error}"
            ) from error
        for column, name in enumerate(self.view.features):
            values[answer["position"].to_numpy(), column] = answer[name].to_numpy(np.float32, na_value=np.nan)
        return values

    def now(self, keys: Sequence[str]) -> Floats:
        """float32[keys, features] as they were last materialized. Raises UnavailableError."""
        values = self._missing(keys)
        positions, possible = self._possible(keys)
        try:
            for first in range(0, len(possible), ONLINE_BATCH):
                some = slice(first, first + ONLINE_BATCH)
                answer = self.store.get_online_features(
                    self._references(), {self.key: possible[some]}
                ).to_dict()
                for column, name in enumerate(self.view.features):
                    values[positions[some], column] = np.array(answer[name], np.float32)
        except Exception as error:
            raise UnavailableError(
                f"Feast cannot answer for {self.view.view!r} ({type(error).__name__}): {error}"
            ) from error
        return values

    def _references(self) -> list[str]:
        return [f"{self.view.view}:{name}" for name in self.view.features]

    def _missing(self, keys: Sequence[str]) -> Floats:
        return np.full((len(keys), len(self.view.features)), np.nan, np.float32)

    def _possible(self, keys: Sequence[str]) -> tuple[AnyArray, list[Any]]:
        """The positions of the keys that Feast may have, and those keys as it spells them."""
        if not self.integer_keys:
            return np.arange(len(keys)), list(keys)
        positions = [position for position, key in enumerate(keys) if _is_integer(key)]
        return np.array(positions, np.int64), [int(keys[position]) for position in positions]


def _is_integer(key: str) -> bool:
    """Whether ``key`` is how an integer is written; "01" is another key than "1"."""
    return key.removeprefix("-").isdecimal() and str(int(key)) == key
