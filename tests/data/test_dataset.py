"""The ingested log as histories: every event in its row, in order."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortlist.base.errors import DataError
from shortlist.data.dataset import labels, load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.reading import inputs
from shortlist.storage.home import Home
from shortlist.system.entity import Entity
from shortlist.system.event import Event
from shortlist.system.table import Table

ITEMS = pl.DataFrame({"id": ["b", "a", "c"], "title": ["Bee", "Ay", "See"]})
ITEM = Entity("id", Table(ITEMS), title="title")

rows = st.lists(
    st.tuples(st.sampled_from("zyx"), st.sampled_from("abcd"), st.integers(1, 5), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def table(events: list[tuple]) -> Table:
    """Events (user, item, value, half a day); each has an id, so that equal ones count."""
    frame = pl.DataFrame(events, schema=["user", "item", "rating", "at"], orient="row")
    return Table(frame.with_columns(pl.col("at") * 43_200, id=pl.int_range(pl.len())))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, batch=st.integers(1, 10))
def test_histories_are_the_log_sorted_by_user_and_time_stably(rows, batch, declare, tmp_path_factory):
    home = Home.open(tmp_path_factory.mktemp("home"))
    system = declare(table(rows), entity=ITEM, id="id")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inputs, "FAST_BATCH_ROWS", batch)
        ingest(system, home, home.path)
    data = load_dataset(system, home)
    known = [row for row in rows if row[1] in "abc"]
    assert data.users.keys == sorted({row[0] for row in known})
    assert data.items.keys == ["b", "a", "c"]
    expected = sorted(known, key=lambda row: (row[0], row[3]))  # equal times keep the order of the input
    assert [data.items.keys[item] for item in data.histories.items] == [row[1] for row in expected]
    assert data.histories.value.tolist() == [row[2] for row in expected]
    assert data.histories.at.tolist() == [row[3] * 43_200_000_000 for row in expected]
    assert [data.users.keys[row] for row in data.histories.rows] == [row[0] for row in expected]
    assert data.histories.items.dtype == np.int32
    assert data.schema == {"title": "text"}


def test_codes_of_events_follow_the_declaration(declare, home, tmp_path):
    views = pl.DataFrame({"user": ["x"], "item": ["a"], "at": [50_000]})
    view = Event("view", Table(views), at="at")
    system = declare(
        table([("x", "a", 4, 1), ("x", "b", 2, 2)]), view, entity=ITEM, when=pl.col("value") >= 4
    )
    ingest(system, home, tmp_path)
    data = load_dataset(system, home)
    assert data.events == ("rating", "view")
    assert data.histories.event.tolist() == [0, 1, 0]
    assert np.isnan(data.histories.value[1])
    assert labels(system, data.histories).tolist() == [[True], [False], [False]]


def test_an_objective_may_look_at_the_time_and_a_missing_value_fulfils_nothing(declare, home, tmp_path):
    frame = pl.DataFrame({"user": ["x", "x"], "item": ["a", "b"], "rating": [None, 1.0], "at": [10, 20]})
    late = declare(Table(frame), entity=ITEM, when=pl.col("at") > 10_000_000)
    ingest(late, home, tmp_path)
    histories = load_dataset(late, home).histories
    assert labels(late, histories).tolist() == [[False], [True]]
    assert labels(declare(Table(frame), when=pl.col("value") < 9), histories).tolist() == [[False], [True]]


def test_before_an_ingest_it_says_what_to_do(declare, home):
    with pytest.raises(DataError, match="shortlist ingest"):
        load_dataset(declare(table([("x", "a", 1, 1)])), home)
