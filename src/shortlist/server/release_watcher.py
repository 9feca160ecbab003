"""Follow what is published: load a new release beside the old one, try it, and swap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

from shortlist.base.errors import ShortlistError, StoreError
from shortlist.pipeline.release import Release, load
from shortlist.service.service import Service
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

log = logging.getLogger("shortlist.server")

CHECK_SECONDS = 0.25  # between two checks
RETRY_SECONDS = 1.0  # after a check that failed


class ReleaseWatcher:
    """Keeps ``service`` on the release that the home's ``current`` names.

    A release that is damaged, cannot be loaded or fails its trial requests is refused: logged as an error,
    counted, and not tried again until the next publish. The old one goes on serving; a server that has
    none yet takes the newest older release that works. Where the store fails, which is no fault of the release,
    it is tried again.
    """

    def __init__(self, home: Home, service: Service, *, read: Callable[[Path], Release] = load) -> None:
        self._releases = Releases(home)
        self._current = home.current
        self._service = service
        self._metrics = service.metrics
        self._read = read
        self._handled: tuple[int, int] | None = None  # which writing of ``current`` was dealt with
        self._dropped = 0
        self._stop = Event()
        self._thread = Thread(target=self._run, name="release-watcher", daemon=True)

    def start(self) -> None:
        """Take up the current release now, or as soon as the store answers, then follow in the background."""
        try:
            self.check()
        except StoreError as error:
            log.error("%s", error)  # noqa: TRY400
        if not self._service.is_ready:
            log.warning("no release serves yet: this server takes up the next one that is published")
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Swap if something was published since the last check. StoreError: nothing changed, check again."""
        written = self._written()
        if written is None or written == self._handled:
            return
        for number in self._choices():
            if self._activate(number):
                break
        self._handled = written

    def _run(self) -> None:
        seconds = CHECK_SECONDS
        while not self._stop.wait(seconds):
            seconds = CHECK_SECONDS
            try:
                self.check()
                self._service.update()
            except Exception:
                log.exception("following the releases failed; trying again")
                seconds = RETRY_SECONDS
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
        if not self._service.is_ready:
            older = [facts.number for facts in self._releases.list() if facts.number < current]
            yield from reversed(older)

    def _activate(self, number: int) -> bool:
        """Serve release ``number``, or refuse it; which of the two? StoreError."""
        try:
            folder = self._releases.open(number)
            self._service.activate(self._releases.facts(number), self._read(folder))
        except StoreError:
            raise
        except Exception as error:
            self._metrics.refused.inc()
            expected = isinstance(error, ShortlistError)
            log.error("release %d is refused: %s", number, error, exc_info=None if expected else error)  # noqa: TRY400
            return False
        self._metrics.release.set(number)
        log.info("release %d serves", number)
        return True

    def _count_dropped(self) -> None:
        dropped = self._service.store.exposures_dropped
        self._metrics.exposures_dropped.inc(dropped - self._dropped)
        self._dropped = dropped
