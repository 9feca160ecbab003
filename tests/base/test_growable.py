"""Arrays that grow at the end: what was taken before stays, whoever appends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.growable import GrowableArray, with_capacity

parts = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=12)


@given(parts)
def test_appending_equals_concatenating_and_older_arrays_stay(pieces):
    arrays, plain = [GrowableArray(np.zeros(0, np.int64))], [np.zeros(0, np.int64)]
    for piece in pieces:
        arrays.append(arrays[-1].appended(np.array(piece, np.int64)))
        plain.append(np.concatenate([plain[-1], np.array(piece, np.int64)]))
    for mine, wanted in zip(arrays, plain, strict=True):
        assert mine.rows.tolist() == wanted.tolist()
        assert len(mine) == len(wanted)


def test_two_that_append_to_the_same_array_do_not_meet():
    start = GrowableArray(np.arange(3)).appended(np.array([3]))
    one, two = start.appended(np.array([10])), start.appended(np.array([20]))
    assert (one.rows.tolist(), two.rows.tolist()) == ([0, 1, 2, 3, 10], [0, 1, 2, 3, 20])
    assert start.rows.tolist() == [0, 1, 2, 3]


def test_growing_one_by_one_copies_a_few_times_only():
    array, buffers = GrowableArray(np.zeros((100, 2), np.float32)), set()
    for _ in range(1000):
        array = array.appended(np.ones((1, 2), np.float32))
        buffers.add(id(array._buffer))
    assert array.rows.shape == (1100, 2)
    assert len(buffers) <= np.ceil(np.log(11) / np.log(1.25)) + 1


def test_a_mapped_file_is_never_written(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert GrowableArray(mapped).appended(np.array([7])).rows.tolist() == [0, 1, 2, 7]
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]


def test_capacity_is_filled_and_only_grows():
    table = np.arange(6.0).reshape(2, 3)
    assert with_capacity(table, 3) is table
    longer = with_capacity(table, 4, np.nan)
    assert longer.shape == (2, 4)
    assert longer[:, :3].tolist() == table.tolist()
    assert np.isnan(longer[:, 3]).all()
