"""What a feature is to the engine: a block of named columns for candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.system.features import Definition


class Block(ABC):
    """A few columns computed together."""

    names: Sequence[str]
    definitions: Sequence[Definition] = ()  # what each column was declared as

    @abstractmethod
    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """float32[candidates, names]; NaN where a value is missing.

        A candidate's values do not depend on the other candidates.
        """
