"""Duplicates are recognised, within an input and against the log."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data.ingest import known_rows
from shortlist.data.ingest.ingest import ingest
from shortlist.data.ingest.known_rows import KnownRows, is_in_sorted
from shortlist.data.log.log import scan
from shortlist.system.table import Table


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=8), max_size=12)
)
def test_each_row_is_new_once(batches):
    known, before = KnownRows(), set()
    for batch in batches:
        rows = [number + 100 * at for number, at in batch]  # rows at different times are different rows
        times = [at for _, at in batch]
        new = known.add(np.array(rows, np.uint64), min(times), max(times)).tolist()
        assert new == [row not in before and row not in rows[:index] for index, row in enumerate(rows)]
        before |= set(rows)


@given(st.sets(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_is_in_sorted(known, numbers):
    found = is_in_sorted(np.array(numbers, np.uint64), np.array(sorted(known), np.uint64))
    assert found.tolist() == [number in known for number in numbers]


def test_logged_rows_are_recognised_by_their_columns_not_by_a_stored_hash(
    declare, home, tmp_path, monkeypatch
):
    table = pl.DataFrame({"user": [1, 2], "item": [1, 1], "rating": [4.1, None], "at": [1_260_759_144, 5]})
    ingest(declare(Table(table)), home, tmp_path)
    monkeypatch.setattr(known_rows.zlib, "crc32", lambda _: 12345)  # as if Polars hashed otherwise now
    assert ingest(declare(Table(table)), home, tmp_path).added == 0
    assert len(scan(home).collect()) == 2
