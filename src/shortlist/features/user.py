"""What is known about the asker alone."""

from __future__ import annotations

import numpy as np

from shortlist.base.columns import DAY
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import AnyArray, Floats
from shortlist.features.block import Block

NEWEST = 10  # events that count as "lately"


class UserBlock(Block):
    """How much, how lately, and how popular a taste."""

    def __init__(self, popularity: Floats) -> None:
        self.names = [
            "user_events",
            "user_days_since_last",
            "user_value",
            "user_popularity",
            "user_popularity_lately",
        ]
        self.popularity = popularity  # log(1 + events), float32[items]

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """Computed once per query, then repeated for its candidates."""
        histories = queries.histories
        lengths = histories.lengths
        last = np.maximum(histories.offsets[1:] - 1, 0)
        newest = histories.at[last] if len(histories.at) else np.zeros(len(queries))
        days = np.where(lengths > 0, (queries.at - newest) / DAY, np.nan)
        lately = histories.last(NEWEST)
        table = [
            np.log1p(lengths),
            np.log1p(np.maximum(days, 0)),
            row_mean(histories.offsets, histories.value),
            row_mean(histories.offsets, self.popularity[histories.items]),
            row_mean(lately.offsets, self.popularity[lately.items]),
        ]
        columns: Floats = np.stack(table, axis=1).astype(np.float32)[candidates.rows]
        return columns


def row_mean(offsets: AnyArray, values: AnyArray) -> AnyArray:
    """The mean of each row's values, NaNs left out; NaN where there are none."""
    known = ~np.isnan(values)
    totals = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0), dtype=np.float64)])
    counts = np.concatenate([[0], np.cumsum(known)])
    total, count = np.diff(totals[offsets]), np.diff(counts[offsets])
    mean: AnyArray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean
