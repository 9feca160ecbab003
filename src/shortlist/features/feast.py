"""Feature views of a Feast repository, read as of past moments and now.

As of t a value is used whose event timestamp lies before t and which, where its source has a created timestamp,
was created before t. Feast takes what is not later than the moment it is asked for, so it is asked for the
microsecond before t. Now is what was last materialized into the online store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from shortlist.base.errors import DataError, DeclarationError, UnavailableError
from shortlist.base.items import Items
from shortlist.base.optional import require
from shortlist.base.queries import Candidates, Queries
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Floats, Moments
from shortlist.features.block import Block
from shortlist.system.feast import FeastView
from shortlist.system.features import Definition

NUMBERS = {"INT32", "INT64", "FLOAT", "DOUBLE", "BOOL"}  # value types that are numbers
WHOLE = {"INT32", "INT64"}
AT_ONCE = 10_000  # keys in one question to the online store; a request has far fewer


class FeastBlock(Block):
    """The columns of one view, for whoever owns it."""

    def __init__(self, view: FeastView, items: Items, *, past: bool) -> None:
        self.view, self.items, self.past = view, items, past
        self.names = view.names
        self.definitions = [view] * len(self.names)

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """One question for all candidates; NaN where Feast has no value, or a query does not say who asks.

        Raises UnavailableError where the store of now does not answer, DataError where that of the past does not.
        """
        opened = self._opened()
        if self.view.by == "item":
            return self._read(opened, self.items.keys, candidates.items, queries.at[candidates.rows])
        if queries.histories.users is None:
            return np.full((len(candidates), len(self.names)), np.nan, np.float32)
        keys, users = np.unique(queries.histories.users.astype(str), return_inverse=True)
        asking, back = np.unique(candidates.rows, return_inverse=True)
        return self._read(opened, keys.tolist(), users[asking], queries.at[asking])[back]

    def _opened(self) -> Opened:
        if self.past:
            return open_view(self.view)
        try:
            return open_view(self.view)
        except DeclarationError as error:  # it was there when the release was made
            raise UnavailableError(str(error)) from error

    def _read(self, opened: Opened, keys: Sequence[str], owners: AnyArray, at: Moments) -> Floats:
        """The values of ``keys[owners]``, each different key and moment asked for once."""
        moments, when = np.unique(at if self.past else np.zeros_like(at), return_inverse=True)
        pairs, back = np.unique(owners.astype(np.int64) * len(moments) + when, return_inverse=True)
        asked = [keys[owner] for owner in pairs // max(len(moments), 1)]
        if self.past:
            return opened.as_of(asked, moments[pairs % max(len(moments), 1)])[back]
        return opened.now(asked)[back]


def must_be_applied(definitions: Iterable[Definition]) -> None:
    """Raise DeclarationError with everything that Feast does not know, MissingExtraError where it is not here."""
    problems: list[str] = []
    for each in definitions:
        if isinstance(each, FeastView):
            try:
                open_view(each)
            except DeclarationError as error:
                problems += error.problems
    if problems:
        raise DeclarationError(problems)


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
    found = views[view.view]
    problems = list(_problems(view, found))
    if problems:
        raise DeclarationError(problems)
    (key,) = found.entity_columns
    created = bool(found.batch_source.created_timestamp_column)
    return Opened(view, store, key.name, key.dtype.to_value_type().name in WHOLE, created)


def _problems(view: FeastView, found: Any) -> Iterator[str]:
    """Where the declaration does not fit the view that Feast has."""
    keys = [column.name for column in found.entity_columns]
    if len(keys) != 1 or not found.entities or found.entities == ["__dummy"]:
        yield f"feature view {view.view!r} is not read by one key but by {', '.join(keys) or 'none'}"
    kinds = {feature.name: feature.dtype.to_value_type().name for feature in found.features}
    for name in view.features:
        if name not in kinds:
            yield f"feature view {view.view!r} has no feature {name!r}: {did_you_mean(name, kinds)}"
        elif kinds[name] not in NUMBERS:
            yield f"feature {name!r} of the view {view.view!r} is no number but {kinds[name]}"


@dataclass(frozen=True)
class Opened:
    """A view in an open repository."""

    view: FeastView
    store: Any  # feast.FeatureStore, which any thread may ask
    key: str  # the join key of its entity
    whole: bool  # whether keys are whole numbers there; here they are text
    created: bool  # whether values say when they were created

    def as_of(self, keys: Sequence[str], at: Moments) -> Floats:
        """float32[keys, features] as of ``at``; no key twice with the same moment. Raises DataError."""
        pandas = require("pandas", extra="feast", why=f"the feature view {self.view.view!r}")
        values = self._missing(keys)
        places, known = self._known(keys)
        if not len(known):
            return values
        before = pandas.to_datetime(at[places] - 1, unit="us", utc=True)
        asked = pandas.DataFrame({self.key: known, "event_timestamp": before, "place": places})
        try:
            job = self.store.get_historical_features(
                asked, self._references(), filter_by_created_timestamp=self.created
            )
            found = job.to_df()  # in any order, and without those for which there is nothing
        except Exception as error:
            raise DataError(
                f"Feast cannot give {self.view.view!r} as of past moments ({type(error).__name__}): {error}"
            ) from error
        for column, name in enumerate(self.view.features):
            values[found["place"].to_numpy(), column] = found[name].to_numpy(np.float32, na_value=np.nan)
        return values

    def now(self, keys: Sequence[str]) -> Floats:
        """float32[keys, features] as they were last materialized. Raises UnavailableError."""
        values = self._missing(keys)
        places, known = self._known(keys)
        try:
            for first in range(0, len(known), AT_ONCE):
                some = slice(first, first + AT_ONCE)
                found = self.store.get_online_features(self._references(), {self.key: known[some]}).to_dict()
                for column, name in enumerate(self.view.features):
                    values[places[some], column] = np.array(found[name], np.float32)
        except Exception as error:
            raise UnavailableError(
                f"Feast cannot answer for {self.view.view!r} ({type(error).__name__}): {error}"
            ) from error
        return values

    def _references(self) -> list[str]:
        return [f"{self.view.view}:{name}" for name in self.view.features]

    def _missing(self, keys: Sequence[str]) -> Floats:
        return np.full((len(keys), len(self.view.features)), np.nan, np.float32)

    def _known(self, keys: Sequence[str]) -> tuple[AnyArray, list[Any]]:
        """The places of the keys that Feast may have, and those keys as it spells them."""
        if not self.whole:
            return np.arange(len(keys)), list(keys)
        places = [place for place, key in enumerate(keys) if _is_whole(key)]
        return np.array(places, np.int64), [int(keys[place]) for place in places]


def _is_whole(key: str) -> bool:
    """Whether ``key`` is how a whole number is written; "01" is another key than "1"."""
    return key.removeprefix("-").isdecimal() and str(int(key)) == key
