"""What a feature is to the engine: a block of named columns for candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats


class Block(ABC):
    """A few columns computed together."""

    names: Sequence[str]

    @abstractmethod
    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """float32[candidates, names]; NaN where a value is missing.

        A candidate's values do not depend on the other candidates.
        """
