"""The contract of every kind of feature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats, Positions, Rows
from shortlist.base.users import NO_USERS
from shortlist.features.features import Features
from shortlist.features.kind import FeatureKind
from shortlist.features.parity import compare
from shortlist.retrieval.popular import Popular
from shortlist.system.entity import Entity
from shortlist.system.event import Event, Objective
from shortlist.system.system import System
from shortlist.testing.toy import ITEMS, toy_data, toy_histories, toy_items, toy_new_items, toy_queries


class FeatureContract:
    """Subclass it, set ``event`` and ``features`` made of it or of nothing, and pytest runs the suite.

    ``event`` is what the toy histories hold; it has values.
    """

    event: Event
    features: Sequence[FeatureKind]

    def system(self) -> System:
        """A System that has the features and nothing else of interest."""
        return System(
            name="toy",
            user=Entity("user"),
            item=Entity("item"),
            events=[self.event],
            objectives=[Objective("done", self.event)],
            sources=[Popular()],
            features=self.features,
        )

    def fitted(self) -> Features:
        """The features, fitted on the toy world."""
        return Features.fit(self.system(), toy_data())

    def test_training_reads_what_serving_reads(self) -> None:
        parity = compare(self.fitted(), toy_histories())
        assert parity.values
        assert parity.difference is None, str(parity.difference)

    def test_has_a_column_for_each_name(self) -> None:
        fitted, queries = self.fitted(), toy_queries()
        rows, items = _pairs(queries)
        values = _values(fitted, queries, rows, items)
        assert values.shape == (len(rows), len(fitted.names))
        assert len(set(fitted.names)) == len(fitted.names) > 1  # the source's score is the first
        assert (~np.isnan(values[:, 1:])).any(axis=0).all()

    def test_a_candidate_does_not_depend_on_its_neighbours(self) -> None:
        fitted, queries = self.fitted(), toy_queries()
        rows, items = _pairs(queries)
        together = _values(fitted, queries, rows, items)
        for pair in range(0, len(rows), 37):
            single = queries.take(rows[pair : pair + 1])
            alone = _values(fitted, single, np.zeros(1, np.int64), items[pair : pair + 1])
            assert np.allclose(alone[0], together[pair], atol=1e-6, equal_nan=True)

    def test_saves_and_loads(self, tmp_path: Path) -> None:
        fitted, queries = self.fitted(), toy_queries()
        fitted.save(tmp_path)
        loaded = Features.load(tmp_path, toy_items(), NO_USERS, toy_histories())
        rows, items = _pairs(queries)
        before, after = (_values(each, queries, rows, items) for each in (fitted, loaded))
        assert loaded.names == fitted.names
        assert np.array_equal(before, after, equal_nan=True)

    def test_a_catalogue_that_grew_changes_nothing_of_what_was_there(self) -> None:
        fitted, queries = self.fitted(), toy_queries()
        rows, items = _pairs(queries)
        before = _values(fitted, queries, rows, items)
        catalogue = fitted.items.with_new_items(toy_new_items())
        extended = fitted.with_new_items(catalogue)
        assert np.array_equal(_values(extended, queries, rows, items), before, equal_nan=True)
        assert np.array_equal(_values(fitted, queries, rows, items), before, equal_nan=True)
        fresh = np.arange(ITEMS, len(catalogue), dtype=np.int32)
        values = _values(extended, queries, np.zeros(len(fresh), np.int64), fresh)
        assert values.shape == (len(fresh), len(fitted.names))


def _pairs(queries: Queries) -> tuple[Rows, Positions]:
    rows = np.repeat(np.arange(len(queries)), ITEMS)
    return rows, np.tile(np.arange(ITEMS, dtype=np.int32), len(queries))


def _values(features: Features, queries: Queries, rows: Rows, items: Positions) -> Floats:
    candidates = Candidates.given(rows, items, len(features.facts.sources))
    return features(queries, candidates).numeric
