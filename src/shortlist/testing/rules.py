"""The contracts of filters and orders."""

from __future__ import annotations

import numpy as np

from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.system.contracts import Filter, Order
from shortlist.system.serialization import from_data, to_data
from shortlist.testing.toy import (
    ITEMS,
    NEW_ITEMS,
    toy_items,
    toy_new_items,
    toy_queries,
    with_new_events,
)


class FilterContract:
    """Subclass it, set ``filter``, and pytest runs the suite."""

    filter: Filter

    def test_names_its_reason(self) -> None:
        assert self.filter.fit(toy_items()).reason

    def test_shared_is_a_mask_over_the_catalogue(self) -> None:
        shared = self.filter.fit(toy_items()).shared()
        assert shared is None or (shared.dtype == np.bool_ and shared.shape == (ITEMS,))

    def test_hidden_has_a_set_for_each_row(self) -> None:
        queries = toy_queries()
        hidden = self.filter.fit(toy_items()).hidden(queries)
        if hidden is not None:
            assert len(hidden.offsets) == len(queries) + 1
            assert hidden.offsets[-1] == len(hidden.items)

    def test_batch_equals_single(self) -> None:
        queries = toy_queries()
        fitted = self.filter.fit(toy_items())
        batch = fitted.hidden(queries)
        for row in range(len(queries)):
            single = fitted.hidden(queries.take(np.array([row])))
            if batch is not None:
                assert single is not None
                assert batch.take(np.array([row])).items.tolist() == single.items.tolist()

    def test_can_be_saved_as_data(self) -> None:
        again = from_data(to_data(self.filter), Filter)
        assert to_data(again) == to_data(self.filter)

    def test_new_items_change_nothing_about_the_others(self) -> None:
        before = self.filter.fit(toy_items())
        after = self.filter.fit(toy_items().with_new_items(toy_new_items()))
        shared, old_shared = after.shared(), before.shared()
        if shared is not None:
            assert shared.shape == (ITEMS + NEW_ITEMS,)
            assert old_shared is not None
            assert np.array_equal(shared[:ITEMS], old_shared)
        queries = toy_queries()
        hidden, old_hidden = after.hidden(queries), before.hidden(queries)
        if hidden is not None:
            assert old_hidden is not None
            for row in range(len(queries)):
                old = [item for item in hidden.take(np.array([row])).items.tolist() if item < ITEMS]
                assert sorted(old) == sorted(old_hidden.take(np.array([row])).items.tolist())

    def test_histories_may_hold_new_items(self) -> None:
        queries = with_new_events(toy_queries())
        hidden = self.filter.fit(toy_items().with_new_items(toy_new_items())).hidden(queries)
        if hidden is not None:
            assert len(hidden.offsets) == len(queries) + 1
            assert hidden.items.max(initial=-1) < ITEMS + NEW_ITEMS


class OrderContract:
    """Subclass it, set ``order``, and pytest runs the suite. ``whole``: whether it keeps every candidate."""

    order: Order
    whole = True

    def test_arranges_within_each_row(self) -> None:
        rows, items, values = _candidates(100, ITEMS)
        arranged = self.order.fit(toy_items()).arrange(rows, items, values, 6)
        assert len(set(arranged.tolist())) == len(arranged)
        assert (np.diff(rows[arranged]) >= 0).all()
        assert set(rows[arranged].tolist()) == set(rows.tolist())
        assert len(arranged) == len(rows) or not self.whole

    def test_batch_equals_single(self) -> None:
        rows, items, values = _candidates(100, ITEMS)
        fitted = self.order.fit(toy_items())
        batch = fitted.arrange(rows, items, values, 6)
        for row in np.unique(rows):
            own = np.flatnonzero(rows == row)
            single = fitted.arrange(np.zeros(len(own), np.int64), items[own], values[own], 6)
            assert own[single].tolist() == batch[rows[batch] == row].tolist()

    def test_nothing_to_arrange(self) -> None:
        nothing = np.zeros(0)
        arranged = self.order.fit(toy_items()).arrange(
            nothing.astype(np.int64), nothing.astype(np.int32), nothing.astype(np.float32), 5
        )
        assert len(arranged) == 0

    def test_can_be_saved_as_data(self) -> None:
        again = from_data(to_data(self.order), Order)
        assert to_data(again) == to_data(self.order)

    def test_new_items_change_nothing_about_the_others(self) -> None:
        rows, items, values = _candidates(100, ITEMS)
        extended = toy_items().with_new_items(toy_new_items())
        before = self.order.fit(toy_items()).arrange(rows, items, values, 6)
        after = self.order.fit(extended).arrange(rows, items, values, 6)
        assert before.tolist() == after.tolist()

    def test_arranges_new_items(self) -> None:
        rows, items, values = _candidates(100, ITEMS + NEW_ITEMS)
        extended = toy_items().with_new_items(toy_new_items())
        arranged = self.order.fit(extended).arrange(rows, items, values, 6)
        assert set(rows[arranged].tolist()) == set(rows.tolist())


def _candidates(count: int, items: int) -> tuple[Rows, Positions, Floats]:
    """Candidates of five rows, each item at most once in a row, best first."""
    rng = np.random.default_rng(0)
    pairs: AnyArray = np.sort(rng.choice(5 * items, count, replace=False))
    rows, values = pairs // items, rng.random(count).astype(np.float32)
    order = np.lexsort((-values, rows))
    return rows, (pairs % items)[order].astype(np.int32), values[order]
