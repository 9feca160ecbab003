"""What came before is recognised, whatever the ids in the log say."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import seen
from shortlist.data.ingest import ingest
from shortlist.data.log import scan
from shortlist.data.seen import Seen
from shortlist.system.table import Table


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=6))
def test_the_first_of_each_number_is_new_once(batches):
    numbers, before = Seen(), set()
    for batch in batches:
        expected = [
            number not in before and number not in batch[:place] for place, number in enumerate(batch)
        ]
        assert numbers.first(np.array(batch, np.uint64)).tolist() == expected
        before |= set(batch)
    everything = np.arange(32, dtype=np.uint64)
    assert numbers.holds(everything).tolist() == [number in before for number in range(32)]


def test_rows_are_recognised_by_what_they_say_not_by_a_hash_of_another_version(
    declare, home, tmp_path, monkeypatch
):
    table = pl.DataFrame({"user": [1, 2], "item": [1, 1], "rating": [4.1, None], "at": [1_260_759_144, 5]})
    ingest(declare(Table(table)), home, tmp_path)
    monkeypatch.setattr(seen.zlib, "crc32", lambda _: 12345)  # as if Polars hashed otherwise now
    assert ingest(declare(Table(table)), home, tmp_path).added == 0
    assert len(scan(home).collect()) == 2
