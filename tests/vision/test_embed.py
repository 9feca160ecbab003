"""Embedding many pictures: each once, whatever kills it, with memory that does not grow."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.errors import NotFoundError
from shortlist.base.progress import Step
from shortlist.testing.encoders import pictures
from shortlist.vision.encoders.embed import embed, embed_batches
from shortlist.vision.encoders.prefetch import prefetched
from shortlist.vision.encoders.vector_cache import VectorCache


class Mean:
    """An encoder of two lines, that counts what it is shown."""

    embedding_size, fingerprint = 3, "mean"

    def __init__(self):
        self.shown = 0

    def encode(self, pictures):
        self.shown += len(pictures)
        means = np.array([picture.mean((0, 1)) for picture in pictures]).reshape(-1, 3)
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


class Counts(Step):
    """Remembers how far it came."""

    def __init__(self):
        self.done = []

    def advance(self, amount=1.0):
        self.done.append(amount)


class Album:
    """Pictures in memory, by hash."""

    def __init__(self, count):
        self.pictures = {name(number): picture for number, picture in enumerate(pictures(count))}
        self.hashes, self.read_count, self.most, self.open = list(self.pictures), 0, 0, 0
        self.lock = threading.Lock()

    def read(self, hash):
        with self.lock:
            self.read_count += 1
        if hash not in self.pictures:
            raise NotFoundError(f"no picture {hash}")
        return self.pictures[hash]


def name(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_vectors_are_those_of_the_encoder_in_order(tmp_path):
    album, encoder, step = Album(70), Mean(), Counts()
    with VectorCache(tmp_path, "mean", 3) as cache:
        vectors = embed(encoder, album, album.hashes, cache=cache, threads=3, step=step)
    np.testing.assert_array_equal(vectors, Mean().encode(list(album.pictures.values())))
    assert step.done == [16, 16, 16, 16, 6]


def test_nothing_is_embedded_twice(tmp_path):
    album, encoder = Album(20), Mean()
    with VectorCache(tmp_path, "mean", 3) as cache:
        embed(encoder, album, album.hashes[:15] * 2, cache=cache, threads=1)
    assert encoder.shown <= 15 + 15  # a batch may begin before the last one is album, and no more
    shown = encoder.shown
    with VectorCache(tmp_path, "mean", 3) as cache:
        vectors = embed(encoder, album, album.hashes, cache=cache)
    assert encoder.shown == shown + 5
    np.testing.assert_array_equal(vectors, Mean().encode(list(album.pictures.values())))


def test_the_cache_folder_is_used_by_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("SHORTLIST_CACHE", str(tmp_path))
    album, encoder = Album(5), Mean()
    for _ in range(2):
        assert embed(encoder, album, album.hashes).shape == (5, 3)
    assert encoder.shown == 5


def test_no_pictures(tmp_path):
    with VectorCache(tmp_path, "mean", 3) as cache:
        assert embed(Mean(), Album(0), [], cache=cache).shape == (0, 3)


def test_a_missing_picture_is_named_and_what_came_before_is_kept(tmp_path):
    album = Album(40)
    with VectorCache(tmp_path, "mean", 3) as cache:
        with pytest.raises(NotFoundError, match="no picture"):
            embed(Mean(), album, [*album.hashes[:32], name(-1)], cache=cache, threads=1)
        assert len(cache) == 32


def test_memory_holds_a_few_batches(tmp_path):
    class Slow(Album):
        def read(self, hash):
            picture = super().read(hash)
            assert (
                self.read_count - taken < 16 * 8
            )  # two threads: at most four batches ahead, and those in work
            return picture

    album, taken = Slow(400), 0
    with VectorCache(tmp_path, "mean", 3) as cache:
        for first, vectors in embed_batches(Mean(), album, album.hashes, cache, threads=2):
            taken = first + len(vectors)
            time.sleep(0.005)
    assert taken == 400


def test_another_encoder_has_its_own_vectors(tmp_path):
    with VectorCache(tmp_path, "one", 2) as one, VectorCache(tmp_path, "other", 2) as other:
        one.add([name(0)], np.ones((1, 2), np.float32))
        assert name(0) not in other


def test_two_at_once_share_what_they_add(tmp_path):
    with VectorCache(tmp_path, "x", 2) as one, VectorCache(tmp_path, "x", 2) as other:
        one.add([name(0), name(1)], np.array([[0, 0], [1, 1]], np.float32))
        other.add([name(1), name(2)], np.array([[9, 9], [2, 2]], np.float32))
        one.add([name(3), name(3)], np.array([[3, 3], [9, 9]], np.float32))
        wanted = [name(2), name(1), name(0), name(3)]
        np.testing.assert_array_equal(one.take(wanted)[:, 0], [2, 1, 0, 3])
    with VectorCache(tmp_path, "x", 2) as again:
        assert len(again) == 4
        np.testing.assert_array_equal(again.take(wanted)[:, 0], [2, 1, 0, 3])


@given(keys=st.integers(0, 31), vectors=st.integers(0, 11))
def test_what_was_half_written_is_cut_off(tmp_path_factory, keys, vectors):
    folder = tmp_path_factory.mktemp("cache")
    with VectorCache(folder, "x", 3) as cache:
        cache.add([name(0), name(1)], np.arange(6, dtype=np.float32).reshape(2, 3))
    with (folder / "x" / "vectors").open("ab") as file:
        file.write(b"x" * vectors)
    with (folder / "x" / "keys").open("ab") as file:
        file.write(b"x" * keys)
    with VectorCache(folder, "x", 3) as cache:
        assert len(cache) == 2
        cache.add([name(2)], np.full((1, 3), 7, np.float32))
        np.testing.assert_array_equal(cache.take([name(2), name(1)]), [[7, 7, 7], [3, 4, 5]])


WRITER = """
import hashlib, sys
from pathlib import Path
import numpy as np
from shortlist.vision.encoders.vector_cache import VectorCache
cache = VectorCache(Path(sys.argv[1]), "x", 64)
for number in range(len(cache), 100_000):
    cache.add([hashlib.sha256(str(number).encode()).hexdigest()], np.full((1, 64), number, np.float32))
    print(number, flush=True)
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    acknowledged = -1
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged % 20 == 19:
                break
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout.read().split("\n")[:-1])])
        writer.wait()
        writer.stdout.close()
        with VectorCache(tmp_path, "x", 64) as cache:
            assert len(cache) >= acknowledged + 1
            vectors = cache.take([name(number) for number in range(len(cache))])
            np.testing.assert_array_equal(vectors[:, 0], np.arange(len(cache)))
            np.testing.assert_array_equal(vectors[:, 63], np.arange(len(cache)))


def test_prefetched_keeps_order_and_passes_errors_on():
    assert list(prefetched(lambda n: n * n, range(50), threads=4, max_pending=6)) == [
        n * n for n in range(50)
    ]
    results = prefetched(lambda n: 1 // n, [2, 1, 0, 5], threads=2, max_pending=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
