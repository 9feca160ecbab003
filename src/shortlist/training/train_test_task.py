"""Splits for retrieval: what sources are fitted on, who queries afterwards, and what is relevant to each query.

Users query at a moment, and relevant is what they went on to choose. In a system without users, items that are
held out query with their pictures, and relevant is what matches them among the rest.

A split is a function of its data and the System's seed, so an equal log always gives an equal task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries, Ragged, SearchQuery
from shortlist.base.types import AnyArray, Mask
from shortlist.data.dataset import labels
from shortlist.data.splits import Split, by_time
from shortlist.system.contracts import TrainingData
from shortlist.system.event import Match
from shortlist.system.system import System

HELD_OUT = 0.15  # of the items with pictures
MAX_HELD_OUT = 1000  # items


@dataclass(frozen=True)
class TrainTestTask:
    """One row for each possible query."""

    data: TrainingData  # what is fitted on: the older part, or the items that are not held out
    log: Histories  # what features of past moments are read from
    queries: Callable[[AnyArray], Queries]  # of the given rows
    positives: Ragged  # the items that fulfil an objective for each row
    labels: Mask  # bool[entries of positives, objectives], which ones
    name: Callable[[int], str]  # of a row's user or item, for reports
    description: str  # the split in a sentence
    next_events: Histories | None = None  # what the rows did after the split; None: rows are no users

    def __len__(self) -> int:
        return len(self.positives.offsets) - 1


def train_test_task(system: System, data: TrainingData) -> TrainTestTask:
    """The newer part of the log against the older, or held-out items against the rest.

    Raises DataError where there is no query, or nothing relevant to one.
    """
    if any(isinstance(objective, Match) for objective in system.objectives):
        return of_items(system, data)
    if not len(data.histories.items):
        raise DataError("there is not one event on an item of the catalogue: there is nothing to fit on")
    return of_users(system, data, by_time(data.histories))


def of_users(system: System, data: TrainingData, split: Split) -> TrainTestTask:
    """The newer part of ``split`` against its older part; ``data.histories`` are both."""
    fulfilled = labels(system, split.test)
    positive: Mask = np.logical_or.reduce(fulfilled, axis=1)
    relevant = split.test.where(positive)
    users = data.histories.users
    return TrainTestTask(
        data=data.with_histories(split.train),
        log=data.histories,
        queries=split.queries,
        positives=Ragged(relevant.offsets, relevant.items),
        labels=fulfilled[positive],
        name=lambda row: f"user {users[row]}" if users is not None else f"user {row}",
        description=split.how,
        next_events=split.test,
    )


def of_items(system: System, data: TrainingData) -> TrainTestTask:
    """Items held out with their pictures against the rest."""
    items, histories = data.items, data.histories
    rng = np.random.default_rng(system.seed)
    with_picture = np.flatnonzero(items.pictured)
    count = min(MAX_HELD_OUT, round(len(with_picture) * HELD_OUT))
    held_out = np.sort(rng.permutation(with_picture)[:count]).astype(np.int32)
    rest = np.ones(len(items), bool)
    rest[held_out] = False
    matches = [objective for objective in system.objectives if isinstance(objective, Match)]
    pairs = [_matching(data, objective.by, held_out, rest) for objective in matches]
    positives, fulfilled = _joined(pairs, len(held_out), len(items))
    if not len(positives.items):
        raise DataError(
            f"of {len(with_picture):,} items with pictures, {count:,} were held out to query with, and none of them "
            "matches another: there is nothing to fit on"
        )

    def queries(rows: AnyArray) -> Queries:
        some = held_out[rows]
        search = SearchQuery.from_parts(pictures=[items.picture(int(item)) for item in some])
        return Queries(Histories.empty(len(some)), np.full(len(some), histories.end), search=search)

    return TrainTestTask(
        data=replace(data, items=items.without_pictures(held_out)),
        log=histories,
        queries=queries,
        positives=positives,
        labels=fulfilled,
        name=lambda row: f"a photo of {items.title(int(held_out[row]))}",
        description=(
            f"{len(held_out):,} of {len(with_picture):,} pictures were held out, and each was a query for the items "
            "that match its own"
        ),
    )


def _matching(data: TrainingData, attribute: str, held_out: AnyArray, rest: Mask) -> AnyArray:
    """Keys ``row * items + item`` of the items of ``rest`` that share a word with each held-out item, int64, rising."""
    items = data.items
    words = items.words(attribute)
    owners = np.repeat(np.arange(len(items)), np.diff(words.offsets))
    order = np.argsort(words.codes, kind="stable")
    starts = np.searchsorted(words.codes[order], np.arange(words.size + 1))
    rows, codes = words.take(held_out)
    lengths = starts[codes + 1] - starts[codes]
    offset = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    others = owners[order[np.repeat(starts[codes], lengths) + offset]]
    keep = rest[others]
    return np.unique(np.repeat(rows, lengths)[keep] * len(items) + others[keep])


def _joined(pairs: list[AnyArray], rows: int, items: int) -> tuple[Ragged, Mask]:
    """All pairs that fulfil an objective, by row, and which objectives."""
    keys = np.unique(np.concatenate(pairs))
    fulfilled = np.stack([np.isin(keys, each) for each in pairs], axis=1)
    offsets = np.searchsorted(keys // items, np.arange(rows + 1))
    return Ragged(offsets.astype(np.int64), (keys % items).astype(np.int32)), fulfilled
