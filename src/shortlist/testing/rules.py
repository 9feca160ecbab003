"""What every filter and every order promises."""

from __future__ import annotations

import numpy as np

from shortlist.system.contracts import Filter, Order
from shortlist.system.knobs import from_data, to_data
from shortlist.testing.toy import ITEMS, toy_items, toy_queries


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

    def test_survives_as_data(self) -> None:
        again = from_data(to_data(self.filter), Filter)
        assert to_data(again) == to_data(self.filter)


class OrderContract:
    """Subclass it, set ``order``, and pytest runs the suite."""

    order: Order

    whole = True  # whether every candidate stays

    def test_arranges_within_each_row(self) -> None:
        rng = np.random.default_rng(0)
        rows = np.sort(rng.integers(0, 5, 100))
        items = rng.integers(0, ITEMS, 100).astype(np.int32)
        values = rng.random(100).astype(np.float32)
        order = np.lexsort((-values, rows))
        arranged = self.order.fit(toy_items()).arrange(rows, items[order], values[order], 6)
        assert len(set(arranged.tolist())) == len(arranged)
        assert (np.diff(rows[arranged]) >= 0).all()
        assert set(rows[arranged].tolist()) == set(rows.tolist())
        assert len(arranged) == 100 or not self.whole

    def test_nothing_to_arrange(self) -> None:
        nothing = np.zeros(0)
        arranged = self.order.fit(toy_items()).arrange(
            nothing.astype(np.int64), nothing.astype(np.int32), nothing.astype(np.float32), 5
        )
        assert len(arranged) == 0

    def test_survives_as_data(self) -> None:
        again = from_data(to_data(self.order), Order)
        assert to_data(again) == to_data(self.order)
