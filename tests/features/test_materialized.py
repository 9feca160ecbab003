"""The matrix of item features in a server, taken of a random stream, against the reader of past moments."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.base.columns import HOUR
from shortlist.base.contexts import NO_CONTEXTS
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.users import NO_USERS
from shortlist.features.blocks.item_events import item_events
from shortlist.features.features import Facts
from shortlist.features.kind import BlockInputs
from shortlist.features.kinds.counts import Count, Sum
from shortlist.features.kinds.means import Mean, Rate
from shortlist.features.kinds.recency import Decayed, Last, Since
from shortlist.features.readers.item_readers import PastItems
from shortlist.system.event import Event

ITEMS = 3
views, orders = Event("view"), Event("order", value="price")
CODES = {views: 0, orders: 1}
DEFINITIONS = [
    Count(views, by="item"),
    Count(views, by="item", window="1h"),
    Count(views, by=("item", "hour")),
    Sum(orders, by="item", window="1d"),
    Mean(orders, by="item", window="7d"),
    Rate(orders, over_event=views, by="item", window="1d"),
    Last(orders, by="item"),
    Since(views, by="item"),
    Decayed(views, by="item", half_life="12h"),
]
LEARNED = {"prior.item_order_mean_7d": 2.0, "prior.item_order_rate_1d": 0.1}
FACTS = Facts((), (views, orders), NO_CONTEXTS, tuple(DEFINITIONS), LEARNED, {})

half_hours = st.integers(0, 2 * 24 * 9).map(lambda tick: tick * HOUR // 2)
event = st.tuples(
    st.integers(0, ITEMS - 1),
    half_hours,
    st.sampled_from([0, 0, 1]),
    st.sampled_from([np.nan, 1.0, 2.5, -4.0]),
    st.sampled_from([0, 0, 0, 1, 30, 200]),  # hours until it is known
)


def inputs(readers):
    items = Items(pl.DataFrame({"item": [f"i{n}" for n in range(ITEMS)]}))
    return BlockInputs(items, NO_USERS, CODES, NO_CONTEXTS, LEARNED, readers)


def queries_and_items(t):
    no_sources = np.zeros((ITEMS, 0), np.float32)
    everything = Candidates(
        np.zeros(ITEMS, np.int64), np.arange(ITEMS, dtype=np.int32), no_sources, no_sources > 0
    )
    return Queries(Histories.empty(1), np.array([t])), everything


@settings(max_examples=150, deadline=None)
@given(st.lists(event, max_size=30), st.lists(half_hours, min_size=1, max_size=8))
def test_the_matrix_equals_the_reader_of_past_moments(stream, moments):
    items, at, kind, amount, late = np.array(stream, np.float64).reshape(-1, 5).T
    known = (at + late * HOUR).astype(np.int64)
    order = np.argsort(known, kind="stable")
    log = Histories(
        np.array([0, len(order)]),
        items[order].astype(np.int32),
        at[order].astype(np.int64),
        kind[order].astype(np.int16),
        amount[order].astype(np.float32),
        available_at=known[order],
    )
    past = item_events(DEFINITIONS, inputs(PastItems(ITEMS, CODES, log)))
    live = FACTS.live_items(ITEMS)
    materialized = item_events(DEFINITIONS, inputs(live))
    taken = 0
    for t in sorted(moments):
        upto = int(np.searchsorted(log.available_at, t, side="right"))
        new = slice(taken, upto)
        live.add(log.items[new], log.at[new], log.event[new], log.value[new])
        taken = upto
        then, now = past.columns(*queries_and_items(t)), materialized.columns(*queries_and_items(t))
        assert np.allclose(then, now, rtol=1e-6, atol=1e-6, equal_nan=True), (t, then, now)
