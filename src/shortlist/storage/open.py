"""The event store of a home: the file in it, or the server that the machine's settings name."""

from __future__ import annotations

from shortlist.base.settings import store_address
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases
from shortlist.storage.sqlite import SqliteStore
from shortlist.storage.store import EventStore


def open_store(home: Home) -> EventStore:
    """Open the store of ``home``; the caller closes it. Raises StoreError.

    Its numbers go on above what the log and the releases have seen, also where the store had to be replaced
    by an empty one or an old copy: new events are felt by every release, and none is taken for an old one.
    """
    watermarks = [int(each.facts.get("watermark", 0)) for each in Releases(home).list()]
    above = max([home.compacted(), *watermarks])
    address = store_address()
    if address is None:
        return SqliteStore(home.state, above=above)
    from shortlist.storage.redis import RedisStore

    return RedisStore(address, home.path.resolve().name, above=above)
