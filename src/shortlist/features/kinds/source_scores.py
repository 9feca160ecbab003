"""The score that each source gives a candidate. Not declared: every System with sources has it."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.kind import Block


class SourceScoresBlock(Block):
    """One column for each source."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.names = [f"source_{name}" for name in sources]

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:  # noqa: ARG002
        """Already there: hydration begins with every source's score of every candidate."""
        return candidates.scores
