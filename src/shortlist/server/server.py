"""Run the server: one process, or several on one port."""

from __future__ import annotations

import logging
import logging.config
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn

from shortlist.base.errors import UnavailableError
from shortlist.pipeline.release import Release, load
from shortlist.server.app import application
from shortlist.server.workers import end_with, supervise
from shortlist.storage.home import Home
from shortlist.storage.open import open_store

log = logging.getLogger("shortlist.server")

Read = Callable[[Path], Release]
SHUTDOWN_GRACE = 10  # seconds that requests in flight get to finish when the server stops

_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "shortlist": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


def serve(
    home: Home, *, host: str = "127.0.0.1", port: int = 8000, workers: int = 1, read: Read = load
) -> None:
    """Serve the current release of ``home`` until SIGINT or SIGTERM; requests in flight are finished.

    ``port`` 0 takes a free one. With several ``workers`` each is a process of its own on the same port; one
    that dies is replaced. Raises UnavailableError where the port is taken, StoreError where the store
    cannot be opened.
    """
    open_store(home).close()  # an error here reaches the caller, not the log of a worker
    with closing(_bound(host, port, shared=workers > 1)) as bound:
        logging.config.dictConfig(_LOGGING)
        log.info("serving at %s", _address(bound))
        if workers == 1:
            _run(home, bound, read)
        else:
            with tempfile.TemporaryDirectory(prefix="shortlist-metrics-") as metrics:
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
                arguments = (os.getpid(), home, host, bound.getsockname()[1], read)
                spawn = get_context("spawn")
                supervise(lambda: spawn.Process(target=_worker, args=arguments, daemon=True), workers)


@contextmanager
def running(home: Home, *, host: str = "127.0.0.1", port: int = 0, read: Read = load) -> Iterator[str]:
    """Serve ``home`` from a thread of this process while the block runs; yields the address.

    Raises UnavailableError where the port is taken or the server does not start.
    """
    with closing(_bound(host, port)) as bound:
        server = uvicorn.Server(_config(home, read))
        thread = Thread(target=server.run, args=([bound],), name="server")
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise UnavailableError("the server did not start: see its log")
                time.sleep(0.01)
            yield _address(bound)
        finally:
            server.should_exit = True
            thread.join()


def _run(home: Home, bound: socket.socket, read: Read) -> None:
    with suppress(KeyboardInterrupt):
        uvicorn.Server(_config(home, read)).run([bound])


def _worker(parent: int, home: Home, host: str, port: int, read: Read) -> None:
    """One of several processes. Each listens for itself: on a shared socket one of them took all connections."""
    end_with(parent)
    logging.config.dictConfig(_LOGGING)
    with closing(_bound(host, port, shared=True)) as bound:
        _run(home, bound, read)


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket on the address; ``shared`` ones let others of their kind have it too."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UnavailableError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another with --host and --port"
        ) from error
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(home: Home, read: Read) -> uvicorn.Config:
    return uvicorn.Config(
        lambda: application(home, read=read),
        factory=True,
        access_log=False,
        log_config=None,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE,
    )
