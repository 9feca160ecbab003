"""Fitted components and examples of one run, kept in memory so that nothing is computed twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from shortlist.system.contracts import Examples, FittedSource, Source
from shortlist.training.fingerprint import fingerprint

T = TypeVar("T")

MAX_SOURCES = 32  # fitted sources kept
MAX_EXAMPLE_SETS = 2  # sets of examples kept; each may be hundreds of megabytes


@dataclass(frozen=True)
class Timed(Generic[T]):
    """A result, and the seconds that it took to compute it."""

    result: T
    seconds: float


class FittedCache:
    """What was fitted in this run, the least recently used dropped first.

    A source's key is the hash of its class and hyperparameters, of the content of the TrainingData (histories,
    catalogue, users, objectives, contexts, validation) and of the seed; so equal data gives the same fitted source
    however it was split off, and any difference gives another. What has no fingerprint, such as a component with a
    hyperparameter of its author's own type, is computed each time.
    """

    def __init__(self) -> None:
        self._sources: OrderedDict[str, Timed[FittedSource]] = OrderedDict()
        self._examples: OrderedDict[str, Timed[Examples]] = OrderedDict()

    def source(
        self, source: Source, data_key: str | None, seed: int, fit: Callable[[], FittedSource]
    ) -> Timed[FittedSource]:
        """``source`` fitted on the data with ``data_key``: the one that is kept, else what ``fit`` returns."""
        return _get(self._sources, key_of(source, data_key, seed), fit, MAX_SOURCES)

    def has_sources(self, sources: Sequence[Source], data_key: str | None, seed: int) -> bool:
        """Whether all of ``sources`` are kept as fitted on the data with ``data_key``."""
        return all(key_of(source, data_key, seed) in self._sources for source in sources)

    def examples(self, key: str | None, build: Callable[[], Examples]) -> Examples:
        """The examples of ``key`` (of all that decides them): those that are kept, else what ``build`` returns."""
        return _get(self._examples, key, build, MAX_EXAMPLE_SETS).result


def key_of(*parts: object) -> str | None:
    """The content hash of ``parts``; None where one of them, or something in it, has none."""
    try:
        return None if any(part is None for part in parts) else fingerprint(*parts)
    except TypeError:
        return None


def _get(kept: OrderedDict[str, Timed[T]], key: str | None, compute: Callable[[], T], most: int) -> Timed[T]:
    if key is not None and key in kept:
        kept.move_to_end(key)
        return kept[key]
    start = perf_counter()
    timed = Timed(compute(), perf_counter() - start)
    if key is not None:
        kept[key] = timed
        while len(kept) > most:
            kept.popitem(last=False)
    return timed
