"""The event store of many nodes: a Redis server (6.2 or newer) that waits for its disk before it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import polars as pl

from shortlist.base.errors import MissingExtraError, StoreError
from shortlist.storage import redis_scripts
from shortlist.storage.frames import exposure_frame
from shortlist.storage.group_commit_store import GroupCommitStore
from shortlist.storage.hashing import hash64
from shortlist.storage.runs import Run, by_user, events_after, frame
from shortlist.storage.store import AcceptedEvent, AddedItem, Exposure, StoreState

try:
    from redis import Redis, exceptions
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise MissingExtraError("redis", "redis", "an event store on a Redis server") from error

FORMAT = 3  # of the keys in redis_scripts.py; raised when they change

_BUCKETS = 1 << 17  # of ids: Redis packs sets of up to 512 numbers, so up to 67 million ids take 8 bytes each
_PAGE_ENTRIES = 5_000  # of one reply
_SCRIPT_EVENTS = 1_000  # of one script, about 10 ms in which other clients wait
_REPLY_TIMEOUT = 5.0  # seconds
_CONNECT_TIMEOUT = 2.0  # seconds


class _Prepared(NamedTuple):
    """A batch for ``redis_scripts.ACCEPT``."""

    events: int  # how many
    arguments: list[bytes | str]


class RedisStore(GroupCommitStore[_Prepared]):
    """An EventStore in the Redis server at ``address``, for the system ``name``.

    The server must have ``appendonly yes``, ``appendfsync always`` and no eviction, else it raises StoreError.
    While it cannot be reached every call raises StoreError: a batch that was in flight may have been accepted or
    not, and may be sent again. The next call after that reconnects. Sequences start above ``above``.
    """

    def __init__(self, address: str, name: str, *, above: int = 0) -> None:
        self._prefix = f"shortlist:{{{name}}}:"
        try:
            self._redis: Any = Redis.from_url(  # its types allow for text answers, which it does not give
                address,
                socket_timeout=_REPLY_TIMEOUT,
                socket_connect_timeout=_CONNECT_TIMEOUT,
                retry=Retry(NoBackoff(), 0),  # a script that ran twice would call its events old
            )
        except ValueError as error:
            raise StoreError(
                f"{address!r} is no address of a Redis server: SHORTLIST_STORE=redis://host:6379"
            ) from error
        facts = self._redis.connection_pool.connection_kwargs
        self._address = f"{facts.get('host', facts.get('path', 'localhost'))}:{facts.get('port', 6379)}"
        with self._translated():
            self._must_be_durable()
            version = int(self._get("format"))
            if version > FORMAT:
                raise StoreError(
                    f"the event store {self._address} has format {version}, and this Shortlist reads up to "
                    f"{FORMAT}: upgrade Shortlist"
                )
            if version < FORMAT:  # what older ones kept is read as it is
                self._redis.set(self._prefix + "format", FORMAT)
            self._run(redis_scripts.RAISE, above)
        super().__init__(apart=False)  # what cannot be stored was refused before; now it is the server

    def read_state(self, users: Sequence[str], after: int) -> StoreState:
        """See EventStore. One round trip."""
        with self._translated():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(self._prefix + "change")
            if users:
                pipeline.hmget(self._prefix + "forgotten", [str(hash64(user)) for user in users])
            for user in users:
                pipeline.lrange(f"{self._prefix}user:{user}", 0, -1)
            deletions, *of_users = pipeline.execute()
        forgotten, *entries = of_users or [()]
        return StoreState(
            [_events_after(rows, after) for rows in entries],
            [int(entry.split()[0]) if entry else 0 for entry in forgotten],
            int(deletions or 0),
        )

    def scan(self, after: int = 0, upto: int | None = None) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        upto = self.sequence() if upto is None else upto
        with self._translated():
            last = self._redis.xrange(self._prefix + "events", f"{upto}-0", "+", count=1)
        for entries in self._pages("events", f"{after + 1}-0", last[0][0].decode() if last else "+"):
            runs = [_run(id_[:-2], entry[b"event"], entry[b"available"]) for id_, entry in entries]
            events = frame(runs, after, upto)
            if len(events):
                yield events

    def sequence(self) -> int:
        """See EventStore."""
        with self._translated():
            return int(self._get("sequence"))

    def trim(self, upto: int) -> None:
        """See EventStore."""
        with self._translated():
            while upto > 0 and self._run(redis_scripts.TRIM, upto, _SCRIPT_EVENTS):
                pass

    def forget(self, user: str) -> None:
        """See EventStore."""
        with self._translated():
            self._run(redis_scripts.FORGET, user, hash64(user))
        self._remove_exposures(lambda exposure: exposure.user == user)

    def add_item(self, item: str, attributes: str) -> int:
        """See EventStore."""
        with self._translated():
            return int(self._redis.rpush(self._prefix + "arrivals", json.dumps([item, attributes])))

    def added_items(self, after: int = 0) -> list[AddedItem]:
        """See EventStore."""
        with self._translated():
            rows = self._redis.lrange(self._prefix + "arrivals", after, -1)
        return [AddedItem(number, *json.loads(row)) for number, row in enumerate(rows, after + 1)]

    def delete_item(self, item: str) -> None:
        """See EventStore."""
        self._mark("sadd", item)

    def restore_item(self, item: str) -> None:
        """See EventStore."""
        self._mark("srem", item)

    def deleted_items(self) -> set[str]:
        """See EventStore."""
        with self._translated():
            return {item.decode() for item in self._redis.smembers(self._prefix + "deleted")}

    def exposures(self) -> Iterator[pl.DataFrame]:
        """See EventStore."""
        for entries in self._pages("exposures", "-", "+"):
            yield exposure_frame([_exposure(entry[b"shown"]) for _, entry in entries])

    def expire(self, before: int) -> None:
        """See EventStore."""
        self._remove_exposures(lambda exposure: exposure.at < before)

    def close(self) -> None:
        """See EventStore."""
        super().close()
        self._redis.close()

    def _prepare(self, events: Sequence[AcceptedEvent]) -> _Prepared:
        arguments: list[bytes | str] = []
        for user, run in by_user(events):
            ids = [hash64(event.event_id) for event in run]
            encoded = [_encode(event) for event in run]
            arguments += [
                user.encode(),
                " ".join([f"{id_ % _BUCKETS} {id_}" for id_ in ids]),
                " ".join([str(len(each)) for each in encoded]),
                b"".join(encoded),
            ]
        return _Prepared(len(events), arguments)

    def _write(self, batches: list[_Prepared], exposures: list[Exposure]) -> list[list[bool]]:
        """One round trip; the server waits for its disk once for all of it."""
        groups = list(_grouped(batches))
        with self._translated():
            pipeline = self._redis.pipeline(transaction=False)
            for group in groups:
                pipeline.eval(
                    redis_scripts.ACCEPT, 1, self._prefix, *(a for batch in group for a in batch.arguments)
                )
            if exposures:
                rows = [
                    (hash64(each.user) if each.user is not None else "", each.at, _encode(each))
                    for each in exposures
                ]
                shown = [argument for row in rows for argument in row]
                pipeline.eval(redis_scripts.EXPOSE, 1, self._prefix, *shown)
            replies = iter(b"".join(pipeline.execute()[: len(groups)]))
        return [[next(replies) == ord("1") for _ in range(batch.events)] for batch in batches]

    def _mark(self, change: str, item: str) -> None:
        with self._translated():
            pipeline = self._redis.pipeline(transaction=True)
            getattr(pipeline, change)(self._prefix + "deleted", item)
            pipeline.incr(self._prefix + "change")
            pipeline.execute()

    def _remove_exposures(self, unwanted: Callable[[Exposure], bool]) -> None:
        for entries in self._pages("exposures", "-", "+"):
            ids = [id_ for id_, entry in entries if unwanted(_exposure(entry[b"shown"]))]
            if ids:
                with self._translated():
                    self._redis.xdel(self._prefix + "exposures", *ids)

    def _pages(self, stream: str, first: str, last: str) -> Iterator[list[tuple[bytes, dict[bytes, bytes]]]]:
        while True:
            with self._translated():
                entries = self._redis.xrange(self._prefix + stream, first, last, count=_PAGE_ENTRIES)
            if not entries:
                return
            yield entries
            first = f"({entries[-1][0].decode()}"

    def _run(self, script: str, *arguments: Any) -> Any:
        return self._redis.eval(script, 1, self._prefix, *arguments)

    def _get(self, key: str) -> bytes:
        value: bytes | None = self._redis.get(self._prefix + key)
        return value or b"0"

    def _must_be_durable(self) -> None:
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        for name, expected in wanted.items():
            actual = self._redis.config_get(name).get(name)
            if actual != expected:
                raise StoreError(
                    f"the event store {self._address} would lose events: its {name} is {actual!r}; set it with "
                    f"`redis-cli CONFIG SET {name} {expected}` and in its configuration file"
                )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of the server and of the way to it into StoreErrors that say what to do."""
        try:
            yield
        except exceptions.RedisError as error:
            advice = _CODES.get(_code(error)) or next(
                text for kind, text in _ADVICE if isinstance(error, kind)
            )
            raise StoreError(f"the event store {self._address}: {advice} ({error})") from error


_SAFE = "what was acknowledged is safe, what was not may be sent again"
_CODES = {
    "OOM": f"its memory is full: raise maxmemory, or run `shortlist compact`; {_SAFE}",
    "MISCONF": f"its disk does not take what it writes: make room there; {_SAFE}",
}
_ADVICE = (
    (exceptions.AuthenticationError, "it refuses the user or the password: see SHORTLIST_STORE"),
    (exceptions.BusyLoadingError, "it is reading its file after a start: try again in a moment"),
    (exceptions.ReadOnlyError, "it is a read-only copy: SHORTLIST_STORE must name the primary"),
    (exceptions.NoPermissionError, "the user lacks permissions: it needs all of +@all on shortlist:*"),
    (exceptions.TimeoutError, f"no answer in time; {_SAFE}"),
    (exceptions.ConnectionError, f"it cannot be reached: is it running? {_SAFE}"),
    (exceptions.RedisError, "it failed"),
)


def _run(sequence: bytes, events: bytes, available: bytes = b"0") -> Run:
    """What ``redis_scripts.ACCEPT`` keeps; before format 3 that was a single event."""
    array = events[:1] == b"\xdd"
    return Run(int(sequence), int(available), events if array else b"\x91" + events)


def _events_after(entries: Sequence[bytes], after: int) -> list[AcceptedEvent]:
    """The events of a user's list with a number above ``after``, by time."""
    runs = (_run(*entry.split(b" ", 1)) for entry in entries)
    events = (event for run in runs for event in events_after(after, run.sequence, run.events))
    return sorted(events, key=attrgetter("at"))


def _code(error: Exception) -> str:
    """The word in capitals that an error of the server begins with, wherever it came through a script."""
    words = str(error).replace("-", " ").split()
    return next((word for word in words if word in _CODES), "")


def _grouped(batches: list[_Prepared]) -> Iterator[list[_Prepared]]:
    """Whole batches, in their order, together up to ``_SCRIPT_EVENTS`` events: one script each."""
    group: list[_Prepared] = []
    events = 0
    for batch in batches:
        if group and events + batch.events > _SCRIPT_EVENTS:
            yield group
            group, events = [], 0
        group.append(batch)
        events += batch.events
    if group:
        yield group


_encode = msgspec.msgpack.Encoder().encode
_exposure = msgspec.msgpack.Decoder(Exposure).decode
