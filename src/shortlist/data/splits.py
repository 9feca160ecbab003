"""What is learned from, and what is held out: always the older part and the newer part of a log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from shortlist.base.columns import SECOND
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries
from shortlist.base.types import AnyArray, Moments

STRADDLERS = 300  # people with events on both sides that make one global moment worth using


@dataclass(frozen=True)
class Split:
    """The same rows twice: what each did before its moment and was known by then, and what it did from then on.

    A query made of a row of ``train`` and its moment therefore sees what a server would have seen.
    """

    train: Histories
    test: Histories
    at: Moments  # int64[rows], the moment each row is asked: its first held-out event, or the global moment
    how: str  # in a sentence

    def queries(self, rows: AnyArray) -> Queries:
        """The given rows, asking at their moments, in the context of what they went on to do first.

        Nobody wrote down the context in which they would have asked; the first thing they did then is nearest.
        """
        return Queries(self.train.take(rows), self.at[rows], self.test.take(rows).first_context())


def by_moment(histories: Histories, moment: int) -> Split:
    """Everything before ``moment`` (microseconds) against everything from it on."""
    at = np.full(len(histories), moment, np.int64)
    train, test = histories.before(at), histories.where(histories.at >= moment)
    both = int(((train.lengths > 0) & (test.lengths > 0)).sum())
    when = datetime.fromtimestamp(moment / SECOND, UTC)
    how = f"learned from everything before {when:%Y-%m-%d %H:%M} UTC, asked then; {both} people are on both sides"
    return Split(train, test, at, how)


def by_share(histories: Histories, share: float = 0.8) -> Split:
    """Each row's first part against its rest: event k of n (from 1) is learned from where k / n <= ``share``.

    What happened at one moment is not divided: all of it belongs to the rest, if some of it does.
    """
    place = np.arange(len(histories.items)) - np.repeat(histories.offsets[:-1], histories.lengths) + 1
    early = place / np.repeat(histories.lengths, histories.lengths) <= share
    at = histories.where(~early).first_at()
    train, test = histories.before(at), histories.where(histories.at >= np.repeat(at, histories.lengths))
    how = f"learned from the first {share:.0%} of each person's events, asked at the first of the rest"
    return Split(train, test, at, how)


def by_time(histories: Histories, share: float = 0.8, straddlers: int = STRADDLERS) -> Split:
    """One global moment where at least ``straddlers`` rows have events on both sides of it, else each row's share.

    The moment is the ``share`` quantile of all event times. A global moment is the stricter test, since
    nothing at all is learned from the future; but it says little where few people are on both sides. Raises
    DataError where nothing was known when people are asked.
    """
    if len(histories.at):
        moment = int(np.quantile(histories.at, share, method="higher"))
        split = by_moment(histories, moment)
        both = int(((split.train.lengths > 0) & (split.test.lengths > 0)).sum())
        if both >= straddlers:
            return split
    else:
        both = 0
    split = by_share(histories, share)
    if histories.available_at is not None and len(histories.at) and not len(split.train.at):
        raise DataError(
            "all of the log became known only after what it is to be tested on: events that are sent to the server "
            "late count from when they came; give history as a table, where it counts from when it happened"
        )
    why = f"{split.how} (one global moment has only {both} people on both sides; {straddlers} are needed)"
    return Split(split.train, split.test, split.at, why)
