"""What is learned from, who asks afterwards, and what turned out to be right: for training and for evaluation.

People ask at a moment, and right is what they went on to do. Items that ask for their like are held out with
their pictures, and right is what matches them among the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Queries, Ragged, SearchQuery
from shortlist.base.types import AnyArray, Mask
from shortlist.data.dataset import labels
from shortlist.data.splits import Split, by_time
from shortlist.system.event import Match
from shortlist.system.system import System

HELD_OUT = 0.15  # of the items with pictures
MOST = 1000  # items that ask


@dataclass(frozen=True)
class TrainTestTask:
    """One row for each asker."""

    items: Items  # what is learned from
    histories: Histories  # what is learned from; a row each, or none where items ask
    log: Histories  # what readers of past moments may look at
    queries: Callable[[AnyArray], Queries]  # of the given rows
    right: Ragged  # the items that fulfil an objective for each row
    achieved: Mask  # bool[entries of right, objectives], which ones
    name: Callable[[int], str]  # of a row's asker, for people
    how: str  # in a sentence

    def __len__(self) -> int:
        return len(self.right.offsets) - 1


def train_test_task(system: System, items: Items, histories: Histories) -> TrainTestTask:
    """The newer part of the log against the older, or items held out against the rest.

    Raises DataError where nobody is left to ask, or nothing is right.
    """
    if any(isinstance(objective, Match) for objective in system.objectives):
        return of_items(system, items, histories)
    if not len(histories.items):
        raise DataError("there is not one event on an item of the catalogue: nothing can be learned")
    return of_people(system, items, histories, by_time(histories))


def of_people(system: System, items: Items, histories: Histories, split: Split) -> TrainTestTask:
    """The newer part of ``split`` against its older part; ``histories`` are both."""
    achieved = labels(system, split.test)
    positive: Mask = np.logical_or.reduce(achieved, axis=1)
    right = split.test.where(positive)
    users = histories.users
    return TrainTestTask(
        items=items,
        histories=split.train,
        log=histories,
        queries=split.queries,
        right=Ragged(right.offsets, right.items),
        achieved=achieved[positive],
        name=lambda row: f"user {users[row]}" if users is not None else f"user {row}",
        how=split.how,
    )


def of_items(system: System, items: Items, histories: Histories) -> TrainTestTask:
    """Items held out with their pictures against the rest."""
    rng = np.random.default_rng(system.seed)
    pictured = np.flatnonzero(items.pictured)
    many = min(MOST, round(len(pictured) * HELD_OUT))
    askers = np.sort(rng.permutation(pictured)[:many]).astype(np.int32)
    rest = np.ones(len(items), bool)
    rest[askers] = False
    pairs = [_matching(items, objective.by, askers, rest) for objective in system.objectives]  # type: ignore[union-attr]
    right, achieved = _joined(pairs, len(askers), len(items))
    if not len(right.items):
        raise DataError(
            f"of {len(pictured):,} items with pictures, {many:,} were held out to ask, and none of them matches "
            "another: there is nothing to learn from"
        )

    def queries(rows: AnyArray) -> Queries:
        some = askers[rows]
        asked = SearchQuery.from_parts(pictures=[items.picture(int(item)) for item in some])
        return Queries(Histories.empty(len(some)), np.full(len(some), histories.end), search=asked)

    return TrainTestTask(
        items=items.without_pictures(askers),
        histories=histories,
        log=histories,
        queries=queries,
        right=right,
        achieved=achieved,
        name=lambda row: f"a photo of {items.title(int(askers[row]))}",
        how=f"{len(askers):,} of {len(pictured):,} pictures were held out, and asked for items that match theirs",
    )


def _matching(items: Items, attribute: str, askers: AnyArray, rest: Mask) -> AnyArray:
    """Keys ``row * items + item`` of the items of ``rest`` that share a word with each asker, int64, rising."""
    words = items.words(attribute)
    owners = np.repeat(np.arange(len(items)), np.diff(words.offsets))
    order = np.argsort(words.codes, kind="stable")
    starts = np.searchsorted(words.codes[order], np.arange(words.size + 1))
    rows, codes = words.take(askers)
    lengths = starts[codes + 1] - starts[codes]
    place = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    fellows = owners[order[np.repeat(starts[codes], lengths) + place]]
    keep = rest[fellows]
    return np.unique(np.repeat(rows, lengths)[keep] * len(items) + fellows[keep])


def _joined(pairs: list[AnyArray], rows: int, items: int) -> tuple[Ragged, Mask]:
    """All pairs that fulfil an objective, by row, and which objectives."""
    keys = np.unique(np.concatenate(pairs))
    achieved = np.stack([np.isin(keys, each) for each in pairs], axis=1)
    offsets = np.searchsorted(keys // items, np.arange(rows + 1))
    return Ragged(offsets.astype(np.int64), (keys % items).astype(np.int32)), achieved
