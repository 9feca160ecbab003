"""The features of a system as a table: what each is, its coverage, an example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.base.histories import Histories
from shortlist.base.queries import Candidates, Queries
from shortlist.features.features import Features

SAMPLE_SIZE = 500  # events, of those after SAMPLE_QUANTILE of the log: features as they were just before each
SAMPLE_QUANTILE = 0.8


@dataclass(frozen=True)
class Column:
    """One feature."""

    name: str
    kind: str
    owner: str  # "user", "item", "user × genres", "item × hour", "request"
    window: str
    coverage: float  # the part of the sample in which it is not missing
    example: float | None  # of the sample, the one in the middle


def described(features: Features, histories: Histories) -> list[Column]:
    """Each column over a sample of events, as of the moment of each; sources are left out."""
    events = (
        np.flatnonzero(histories.at >= np.quantile(histories.at, SAMPLE_QUANTILE))
        if len(histories.at)
        else np.zeros(0, int)
    )
    events = np.sort(np.random.default_rng(0).permutation(events)[:SAMPLE_SIZE])
    moments = histories.at[events]
    context = None if histories.context is None else histories.context[events]
    queries = Queries(histories.take(histories.rows[events]).before(moments), moments, context)
    scores = np.full((len(events), len(features.facts.sources)), np.nan, np.float32)
    candidates = Candidates(np.arange(len(events)), histories.items[events], scores, scores > 0)
    columns = []
    for block in features.as_of(histories).blocks:
        if block.definitions:
            values = block.columns(queries, candidates)
            for name, definition, column in zip(block.names, block.definitions, values.T, strict=True):
                present = np.sort(column[~np.isnan(column)])
                columns.append(
                    Column(
                        name,
                        kind=type(definition).__name__,
                        owner=definition.owner,
                        window=definition.window_text,
                        coverage=len(present) / max(len(column), 1),
                        example=float(present[len(present) // 2]) if len(present) else None,
                    )
                )
    return columns
