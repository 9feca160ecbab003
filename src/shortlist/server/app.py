"""The application: service, release watcher and routes put together, for one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ASGIApp

from shortlist.base.threads import one_thread
from shortlist.pipeline.release import Release, load
from shortlist.server import search_routes
from shortlist.server.errors import answer_to
from shortlist.server.middleware import RequestMiddleware
from shortlist.server.pages import Reference, landing, search_page
from shortlist.server.release_watcher import ReleaseWatcher
from shortlist.server.routes import ROUTES
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.open import open_store

MAX_BODY = 1 << 20  # bytes


def application(home: Home, *, read: Callable[[Path], Release] = load) -> ASGIApp:
    """The server of ``home`` as an ASGI application. ``read`` loads a release's folder.

    At startup it opens the store (StoreError) and takes up the current release, if one is published.
    """
    service = Service(open_store(home), home.pictures)
    watcher = ReleaseWatcher(home, service, read=read)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        with one_thread():  # requests are many and small: threads inside one would only get in the way
            watcher.start()
            try:
                yield
            finally:
                watcher.stop()
                service.store.close()

    app = Litestar(
        [*ROUTES, *search_routes.ROUTES, landing, search_page],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False)},
        exception_handlers={Exception: answer_to},
        lifespan=[running],
        openapi_config=OpenAPIConfig(
            title="Shortlist",
            version=version("shortlist"),
            description="From millions of items to the twenty that matter to this person, now.",
            path="/schema",
            render_plugins=[Reference()],
            use_handler_docstrings=True,
        ),
        request_max_body_size=MAX_BODY,
        logging_config=None,
    )
    return RequestMiddleware(app, service.metrics)
