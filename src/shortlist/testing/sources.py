"""The contract of candidate sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from shortlist.base.items import Items
from shortlist.base.queries import Queries, Retrieved
from shortlist.base.types import AnyArray, Floats
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.system.contracts import (
    DescribesCandidates,
    ExplainsWithHistory,
    FittedSource,
    GrowsWithCatalogue,
    Source,
    TrainingData,
    TrainingOptions,
)
from shortlist.testing.files import assert_no_pickle
from shortlist.testing.toy import (
    ITEMS,
    NEW_ITEMS,
    everything,
    restricted,
    toy_data,
    toy_histories,
    toy_new_items,
    toy_queries,
    with_new_events,
)

N = 7


class SourceContract:
    """Subclass it, set ``source``, and pytest runs the suite.

    ``personal``: whether a history changes the answer. ``tolerance``: of scores that are computed in another way.
    A source that reads attributes which the toy data has not overrides ``data`` and ``new_items``.
    """

    source: Source
    personal = True
    tolerance = 1e-5

    def data(self) -> TrainingData:
        """What the source is fitted on."""
        return toy_data()

    def new_items(self) -> pl.DataFrame:
        """Rows of five items that come after training."""
        return toy_new_items()

    def fitted(self) -> FittedSource:
        """The fitted source."""
        return self.source.fit(self.data(), TrainingOptions(seed=3))

    def test_returns_at_most_n_of_each_row_best_first_and_none_twice(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        for n in (1, N, ITEMS + 5):
            result = fitted.search(fitted.encode(queries), n, everything(queries))
            assert result.items.dtype == np.int32
            assert (np.diff(result.rows) >= 0).all()
            assert np.bincount(result.rows, minlength=len(queries)).max() <= n
            pairs = result.rows * ITEMS + result.items
            assert len(np.unique(pairs)) == len(pairs)
            falling = np.diff(result.scores) <= self.tolerance
            assert (falling | (np.diff(result.rows) > 0)).all()

    def test_returns_something_for_rows_with_a_history(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        result = fitted.search(fitted.encode(queries), N, everything(queries))
        with_history = np.flatnonzero(queries.histories.lengths > 0)
        assert set(with_history) <= set(result.rows.tolist())

    def test_returns_only_allowed_items(self) -> None:
        queries = toy_queries()
        allowed = restricted(queries)
        fitted = self.fitted()
        result = fitted.search(fitted.encode(queries), ITEMS, allowed)
        assert len(result.rows)
        assert allowed.keep(result.rows, result.items).all()

    def test_score_agrees_with_search(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        encoded = fitted.encode(queries)
        result = fitted.search(encoded, N, everything(queries))
        scores = fitted.score(encoded, result.rows, result.items)
        assert scores.dtype == np.float32
        assert np.allclose(scores, result.scores, atol=self.tolerance)

    def test_a_score_does_not_depend_on_the_other_pairs(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        encoded = fitted.encode(queries)
        rows, items = _pairs(len(queries), ITEMS)
        together = fitted.score(encoded, rows, items)
        alone = [fitted.score(encoded, rows[i : i + 1], items[i : i + 1])[0] for i in range(0, len(rows), 17)]
        assert _close(together[::17], np.array(alone), self.tolerance)

    def test_batch_equals_single(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        batch = fitted.search(fitted.encode(queries), N, restricted(queries))
        for row in range(len(queries)):
            single = queries.take(np.array([row]))
            result = fitted.search(fitted.encode(single), N, restricted(single))
            own = batch.rows == row
            assert np.allclose(result.scores, batch.scores[own], atol=self.tolerance)
            assert result.items.tolist() == batch.items[own].tolist()

    def test_no_queries(self) -> None:
        fitted, none = self.fitted(), toy_queries().take(np.zeros(0, np.int64))
        assert not len(fitted.search(fitted.encode(none), N, everything(none)).items)

    def test_prefers_the_kind_of_the_history(self) -> None:
        if not self.personal:
            return
        queries = toy_queries()
        fitted = self.fitted()
        result = fitted.search(fitted.encode(queries), 5, restricted(queries))
        own_kind = (result.items < ITEMS // 2) == (result.rows % 2 == 0)
        assert own_kind.mean() > 0.7

    def test_explains_with_an_item_of_the_history(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        if not isinstance(fitted, ExplainsWithHistory):
            return
        encoded = fitted.encode(queries)
        result = fitted.search(encoded, N, everything(queries))
        because = fitted.because(encoded, result.rows, result.items)
        assert (because >= 0).any()
        for row, item in zip(result.rows, because, strict=True):
            own = queries.histories.take(np.array([row])).items
            assert item == -1 or item in own

    def test_describes_each_candidate(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        if not isinstance(fitted, DescribesCandidates):
            return
        encoded = fitted.encode(queries)
        result = fitted.search(encoded, N, everything(queries))
        phrases = fitted.describe(encoded, result.rows, result.items)
        assert len(phrases) == len(result.rows)
        assert all(isinstance(phrase, str) for phrase in phrases)

    def test_saves_and_loads(self, tmp_path: Path) -> None:
        fitted = self.fitted()
        fitted.save(tmp_path)
        assert _same(_search(fitted), _search(type(fitted).load(tmp_path)))
        assert_no_pickle(tmp_path)

    def test_same_seed_same_answer(self) -> None:
        assert _same(_search(self.fitted()), _search(self.fitted()))

    def test_fits_without_events(self) -> None:
        nothing = self.data().with_histories(toy_histories(rows=0))
        fitted = self.source.fit(nothing, TrainingOptions())
        queries = toy_queries()
        result = fitted.search(fitted.encode(queries), N, everything(queries))
        assert np.isfinite(result.scores).all()

    def test_items_that_came_after_training_change_nothing_about_the_others(self) -> None:
        before = SourceSlot("source", N, self.fitted())
        queries, count = toy_queries(), ITEMS + NEW_ITEMS
        expected, expected_scores = _answers(before, queries, ITEMS)
        items = self.data().items
        after = before.with_new_items(items.with_new_items(self.new_items()), ITEMS)
        result, scores = _answers(after, queries, count)
        for row in range(len(queries)):
            old = result.items[(result.rows == row) & (result.items < ITEMS)]
            assert expected.items[expected.rows == row][: len(old)].tolist() == old.tolist()
        rows, pair_items = _pairs(len(queries), count)
        assert _close(scores[pair_items < ITEMS], expected_scores, self.tolerance)
        if not isinstance(before.fitted, GrowsWithCatalogue):
            assert np.isnan(scores[pair_items >= ITEMS]).all()
        again, again_scores = _answers(before, queries, ITEMS)
        assert _same(again, expected)  # a request that began before is answered as it was
        assert np.array_equal(again_scores, expected_scores, equal_nan=True)
        assert len(rows) == len(scores)

    def test_histories_may_hold_items_that_came_after_training(self) -> None:
        before = SourceSlot("source", N, self.fitted())
        queries, count = toy_queries(), ITEMS + NEW_ITEMS
        after = before.with_new_items(self.data().items.with_new_items(self.new_items()), ITEMS)
        later = with_new_events(queries)
        result, scores = _answers(after, later, count)
        assert np.isfinite(result.scores).all()
        if not isinstance(before.fitted, GrowsWithCatalogue):  # as if those events had not happened
            expected, expected_scores = _answers(after, queries, count)
            assert _same(result, expected)
            assert np.array_equal(scores, expected_scores, equal_nan=True)
        encoded = after.encode(later)
        if isinstance(after.fitted, ExplainsWithHistory):
            after.fitted.because(encoded, result.rows, result.items)
        if isinstance(after.fitted, DescribesCandidates):
            assert len(after.fitted.describe(encoded, result.rows, result.items)) == len(result.rows)

    def test_a_catalogue_may_grow_more_than_once(self, tmp_path: Path) -> None:
        fitted = self.fitted()
        if not isinstance(fitted, GrowsWithCatalogue):
            return
        rows = self.new_items()
        items: Items = self.data().items
        extended = SourceSlot("source", N, fitted)
        for row in range(len(rows)):
            items = items.with_new_items(rows[row : row + 1])
            extended = extended.with_new_items(items, ITEMS + row)
        at_once = SourceSlot("source", N, self.fitted()).with_new_items(
            self.data().items.with_new_items(rows), ITEMS
        )
        queries, count = with_new_events(toy_queries()), ITEMS + NEW_ITEMS
        one, other = _answers(extended, queries, count), _answers(at_once, queries, count)
        assert _close(one[1], other[1], self.tolerance)
        extended.fitted.save(tmp_path)
        loaded = SourceSlot("source", N, type(extended.fitted).load(tmp_path))
        assert _close(_answers(loaded, queries, count)[1], one[1], self.tolerance)


def _search(fitted: FittedSource) -> Retrieved:
    queries = toy_queries()
    return fitted.search(fitted.encode(queries), N, restricted(queries))


def _answers(slot: SourceSlot, queries: Queries, items: int) -> tuple[Retrieved, Floats]:
    """What the source retrieves of a catalogue, and its score of every (row, item) pair."""
    encoded = slot.encode(queries)
    result = slot.search(encoded, N, everything(queries, items))
    return result, slot.score(encoded, *_pairs(len(queries), items))


def _pairs(rows: int, items: int) -> tuple[AnyArray, AnyArray]:
    return np.repeat(np.arange(rows), items), np.tile(np.arange(items, dtype=np.int32), rows)


def _close(one: AnyArray, other: AnyArray, tolerance: float) -> bool:
    return bool(np.allclose(one, other, atol=tolerance, equal_nan=True))


def _same(one: Retrieved, other: Retrieved) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("rows", "items", "scores")
    )
