"""Splits of a log by time: training on the older part, test on the newer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from shortlist.base.columns import SECOND
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries
from shortlist.base.types import AnyArray, Moments

MIN_USERS_ON_BOTH_SIDES = 300  # of a global moment, for it to be used


@dataclass(frozen=True)
class Split:
    """The same rows twice: events before each row's moment that were available by then, and events from then on.

    A query made of a row of ``train`` and its moment therefore has exactly what a server would have had.
    """

    train: Histories
    test: Histories
    at: Moments  # int64[rows], the moment of each row's query: its first held-out event, or the global moment
    how: str  # in a sentence

    def queries(self, rows: AnyArray) -> Queries:
        """Queries of the given rows at their moments, in the context of their first held-out event.

        The context of a request that was never made is unknown; that of the next event is the nearest.
        """
        return Queries(self.train.take(rows), self.at[rows], self.test.take(rows).first_context())


def by_moment(histories: Histories, moment: int) -> Split:
    """Everything before ``moment`` (microseconds) against everything from it on."""
    at = np.full(len(histories), moment, np.int64)
    train, test = histories.before(at), histories.where(histories.at >= moment)
    both = int(((train.lengths > 0) & (test.lengths > 0)).sum())
    when = datetime.fromtimestamp(moment / SECOND, UTC)
    how = (
        f"trained on everything before {when:%Y-%m-%d %H:%M} UTC, tested then; {both} users are on both sides"
    )
    return Split(train, test, at, how)


def by_share(histories: Histories, share: float = 0.8) -> Split:
    """Each row's first part against its rest: event k of n (from 1) is trained on where k / n <= ``share``.

    Events at one moment are not divided: all of them belong to the rest, if one of them does.
    """
    place = np.arange(len(histories.items)) - np.repeat(histories.offsets[:-1], histories.lengths) + 1
    early = place / np.repeat(histories.lengths, histories.lengths) <= share
    at = histories.where(~early).first_at()
    train, test = histories.before(at), histories.where(histories.at >= np.repeat(at, histories.lengths))
    how = f"trained on the first {share:.0%} of each user's events, tested at the first of the rest"
    return Split(train, test, at, how)


def by_time(histories: Histories, share: float = 0.8, min_users: int = MIN_USERS_ON_BOTH_SIDES) -> Split:
    """One global moment where at least ``min_users`` rows have events on both sides of it, else each row's share.

    The moment is the ``share`` quantile of all event times. A global moment is the stricter test, since
    nothing at all is learned from the future; but its figures are noisy where few users are on both sides. Raises
    DataError where nothing was available at any query.
    """
    if len(histories.at):
        moment = int(np.quantile(histories.at, share, method="higher"))
        split = by_moment(histories, moment)
        both = int(((split.train.lengths > 0) & (split.test.lengths > 0)).sum())
        if both >= min_users:
            return split
    else:
        both = 0
    split = by_share(histories, share)
    if histories.available_at is not None and len(histories.at) and not len(split.train.at):
        raise DataError(
            "all of the log became available only after what it is to be tested on: events that are sent to the server "
            "late count from when they came; give history as a table, where it counts from when it happened"
        )
    why = f"{split.how} (one global moment has only {both} users on both sides; {min_users} are needed)"
    return Split(split.train, split.test, split.at, why)
