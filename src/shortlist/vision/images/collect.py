"""Filling an album from a column of sources, on all cores, in bounded memory, and never twice."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import BoundedSemaphore
from time import monotonic

from shortlist.base.errors import PictureError
from shortlist.vision.images.album import Album, PictureFacts, SourceRecord
from shortlist.vision.images.duplicates import content_hash
from shortlist.vision.images.fetch import fetch, is_url
from shortlist.vision.images.header import MAX_BYTES

Source = str | bytes  # a path, an http(s) address, or the picture itself

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = max(16, 2 * CORES)  # most wait for disk or network; no more than CORES decode
MAX_IN_FLIGHT = 2 * THREADS  # sources being read, and so pictures in memory
LOOKUP_BATCH = 1000  # sources looked up in the album at a time
COMMIT_PICTURES = 200  # pictures, or
COMMIT_SECONDS = 1.0  # seconds, after which results are recorded: all that a kill can cost


@dataclass(frozen=True)
class Outcome:
    """What became of a source: the hash of its picture, or the reason why there is none."""

    hash: str | None
    reason: str | None = None
    fresh: bool = False  # it was read now; otherwise by an earlier collect


def collect(
    album: Album, sources: Iterable[Source], advance: Callable[[int], None] = lambda _: None
) -> list[Outcome]:
    """Put the pictures of ``sources`` (each once) into ``album``; the outcome of each, in their order.

    A file whose size and modification time are unchanged is not read again, a URL that gave a picture is not
    fetched again; bytes are recognised by their hash. ``advance`` is called with how many more are done. After an
    interruption the next collect continues.
    """
    return _Collect(album, advance).run(sources)


Taken = tuple[Outcome, PictureFacts | None, SourceRecord | None]


class _Collect:
    def __init__(self, album: Album, advance: Callable[[int], None]) -> None:
        self.album, self.advance = album, advance
        self.outcomes: dict[int, Outcome] = {}
        self.facts: list[PictureFacts] = []  # not recorded yet,
        self.seen: list[SourceRecord] = []  # likewise,
        self.since = monotonic()  # since then
        self.decoders = BoundedSemaphore(CORES)

    def run(self, sources: Iterable[Source]) -> list[Outcome]:
        work: dict[Future[Taken], int] = {}
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for place, (source, before) in enumerate(self._with_records(sources)):
                    if before and before.stamp == _stamp(source):
                        self.outcomes[place] = Outcome(before.hash, before.reason)
                        self.advance(1)
                        continue
                    work[pool.submit(self._take, source)] = place
                    if len(work) == MAX_IN_FLIGHT:
                        self._gather(work)
                while work:
                    self._gather(work)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self._record()
        return [self.outcomes[place] for place in range(len(self.outcomes))]

    def _with_records(self, sources: Iterable[Source]) -> Iterator[tuple[Source, SourceRecord | None]]:
        rest = iter(sources)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            records = self.album.source_records([source for source in batch if isinstance(source, str)])
            yield from (
                (source, records.get(source) if isinstance(source, str) else None) for source in batch
            )

    def _gather(self, work: dict[Future[Taken], int]) -> None:
        """Wait for the next that are done, and record now and then."""
        done, _ = wait(work, return_when=FIRST_COMPLETED)
        for future in done:
            outcome, facts, seen = future.result()
            self.outcomes[work.pop(future)] = outcome
            self.facts += [facts] if facts else []
            self.seen += [seen] if seen else []
        self.advance(len(done))
        if len(self.seen) + len(self.facts) >= COMMIT_PICTURES or monotonic() > self.since + COMMIT_SECONDS:
            self._record()

    def _record(self) -> None:
        if self.facts or self.seen:
            self.album.record(self.facts, self.seen)
        self.facts, self.seen, self.since = [], [], monotonic()

    def _take(self, source: Source) -> Taken:
        """One source, in a thread: its outcome, and what there is to record."""
        stamp = _stamp(source)
        try:
            data = _read(source)
            hash = content_hash(data)
            facts = None if hash in self.album else self._write(data)
            outcome = Outcome(hash, fresh=True)
        except PictureError as error:
            outcome, facts = Outcome(None, error.reason, fresh=True), None
            if not stamp or error.reason == "missing":
                return outcome, None, None  # it may exist the next time
        seen = (
            SourceRecord(source, stamp or "", outcome.hash, outcome.reason)
            if isinstance(source, str)
            else None
        )
        return outcome, facts, seen

    def _write(self, data: bytes) -> PictureFacts:
        with self.decoders:
            return self.album.write(data)


def _stamp(source: Source) -> str | None:
    """What changes when a file does, "" of an address, which is taken not to change; None where nothing can say."""
    if isinstance(source, bytes):
        return None
    if is_url(source):
        return ""
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return None
    return f"{status.st_size}:{status.st_mtime_ns}"


def _read(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    if is_url(source):
        return fetch(source)
    try:
        if not stat.S_ISREG(os.stat(source).st_mode):  # a pipe would never end
            raise PictureError("missing", f"{source} is no file")
        with open(source, "rb") as file:
            return file.read(MAX_BYTES + 1)  # the header's reader refuses the one too many
    except (OSError, ValueError) as error:
        raise PictureError("missing", f"{source}: {error}") from error
