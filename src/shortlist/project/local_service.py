"""The service of a home's published release, in this process: for the command line and notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shortlist.base.errors import NotFoundError
from shortlist.base.threads import one_thread
from shortlist.pipeline.release import load
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.open import open_store
from shortlist.storage.releases import Releases


def open_service(home: Home) -> Service:
    """The service; who opens it closes its store. Raises NotFoundError where nothing is published."""
    releases = Releases(home)
    number = releases.current()
    if number is None:
        raise NotFoundError(
            f"{home.path} has no published release: train one (train), then publish it (publish)"
        )
    store = open_store(home)
    try:
        service = Service(store, home.pictures)
        service.activate(releases.facts(number), load(releases.open(number)))
    except BaseException:
        store.close()
        raise
    return service


@contextmanager
def service_of(home: Home) -> Iterator[Service]:
    """The service, on one thread as in a server; its store is closed afterwards. Raises NotFoundError."""
    service = open_service(home)
    try:
        with one_thread():
            yield service
    finally:
        service.store.close()
