"""Follow what is published: load a new release beside the old one, try it, and swap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

from shortlist.base.errors import ShortlistError
from shortlist.pipeline.release import Release, load
from shortlist.server.engine import Engine
from shortlist.server.metrics import Metrics
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

log = logging.getLogger("shortlist.server")

EVERY = 0.25  # seconds between looks


class Watch:
    """Keeps ``engine`` on the release that the home's ``current`` names.

    A release that is damaged, cannot be loaded or fails its trial requests is refused: logged as an error,
    counted, and not tried again until somebody publishes. The old one goes on serving; a server that has
    none yet takes the newest older release that works.
    """

    def __init__(
        self, home: Home, engine: Engine, metrics: Metrics, *, read: Callable[[Path], Release] = load
    ) -> None:
        self._releases = Releases(home)
        self._current = home.current
        self._engine = engine
        self._metrics = metrics
        self._read = read
        self._seen: tuple[int, int] | None = None  # which writing of ``current`` was dealt with
        self._dropped = 0
        self._stop = Event()
        self._thread = Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Take up the current release now, then follow in the background."""
        self.look()
        if not self._engine.serves:
            log.warning("no release serves yet: this server takes up the next one that is published")
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Swap if something was published since the last look."""
        written = self._written()
        if written is None or written == self._seen:
            return
        self._seen = written
        for number in self._choices():
            if self._take(number):
                break

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.look()
                self._engine.follow()
            except Exception:
                log.exception("following the releases failed; trying again")
            self._count_dropped()

    def _written(self) -> tuple[int, int] | None:
        """Identifies one writing of ``current``: publishing the same number again is a new one."""
        try:
            status = self._current.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _choices(self) -> Iterator[int]:
        """The published release, and where nothing serves yet, older ones after it."""
        try:
            current = self._releases.current()
        except ShortlistError as error:
            log.error("%s", error)  # noqa: TRY400
            self._metrics.refused.inc()
            return
        assert current is not None
        yield current
        if not self._engine.serves:
            older = [facts.number for facts in self._releases.list() if facts.number < current]
            yield from reversed(older)

    def _take(self, number: int) -> bool:
        """Serve release ``number``, or refuse it; which of the two?"""
        try:
            folder = self._releases.open(number)
            self._engine.swap(self._releases.facts(number), self._read(folder))
        except Exception as error:
            self._metrics.refused.inc()
            expected = isinstance(error, ShortlistError)
            log.error("release %d is refused: %s", number, error, exc_info=None if expected else error)  # noqa: TRY400
            return False
        self._metrics.release.set(number)
        log.info("release %d serves", number)
        return True

    def _count_dropped(self) -> None:
        dropped = self._engine.store.exposures_dropped
        self._metrics.exposures_dropped.inc(dropped - self._dropped)
        self._dropped = dropped
