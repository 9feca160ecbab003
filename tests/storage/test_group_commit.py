import threading

import pytest

from shortlist.storage.group_commit import GroupCommit


def test_submissions_that_come_while_it_writes_share_the_next_write():
    writes: list[list[int]] = []
    first, go_on = threading.Event(), threading.Event()

    def write(group):
        if group:
            writes.append(group)
            first.set()
            go_on.wait(5)
        return [10 * n for n in group]

    group = GroupCommit(write, idle=60)
    futures = [group.submit(1)]
    first.wait(5)
    futures += [group.submit(n) for n in (2, 3, 4)]
    go_on.set()
    assert [future.result(5) for future in futures] == [10, 20, 30, 40]
    assert writes == [[1], [2, 3, 4]]
    group.close()


def test_it_writes_now_and_then_without_submissions():
    idle = threading.Event()

    def write(group):
        idle.set()
        return []

    group = GroupCommit(write, idle=0.01)
    assert idle.wait(5)
    group.close()


def test_closing_writes_what_was_submitted():
    written: list[int] = []

    def write(group):
        written.extend(group)
        return group

    group = GroupCommit(write, idle=60)
    futures = [group.submit(n) for n in range(100)]
    group.close()
    assert written == list(range(100))
    assert all(future.done() for future in futures)


def test_an_error_reaches_its_caller_alone():
    def write(group):
        if 13 in group:
            raise ValueError("thirteen")
        return group

    group = GroupCommit(write, idle=60)
    futures = [group.submit(n) for n in range(20)]
    for n, future in enumerate(futures):
        if n == 13:
            with pytest.raises(ValueError, match="thirteen"):
                future.result(5)
        else:
            assert future.result(5) == n
    group.close()
