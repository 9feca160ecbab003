"""The context of the request: its hour and weekday, and the contexts that events declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shortlist.base.contexts import MISSING
from shortlist.base.errors import DeclarationError
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.kind import Block, BlockInputs, BlockMaker, FeatureKind
from shortlist.features.readers.contexts import context_codes
from shortlist.system.event import CLOCK
from shortlist.system.features import Declared, context_problems


@dataclass(frozen=True)
class Context(FeatureKind):
    """A context of the request.

    ``Context("hour")`` (0 to 23, UTC) and ``Context("weekday")`` (0 is Monday) are numbers. A context that events
    declare is a column of 0 and 1 for each of its ``max_categories`` most frequent words; all are missing where the
    request does not have it, or has a word that the log had not.
    """

    context: str
    max_categories: int = 10

    def __post_init__(self) -> None:
        if self.max_categories < 1:
            raise DeclarationError(
                f"the context {self.context!r}: max_categories must be at least 1, not {self.max_categories}"
            )

    @property
    def name(self) -> str:
        """The context's own."""
        return self.context

    @property
    def owner(self) -> str:
        """The request."""
        return "request"

    @property
    def block(self) -> BlockMaker:
        """One for all contexts."""
        return ContextBlock

    def problems(self, system: Declared) -> Iterator[str]:
        """A context that no event declares."""
        yield from context_problems(repr(self), system, self.context)


class ContextBlock(Block):
    """Computed once per query, then repeated for its candidates."""

    def __init__(self, definitions: Sequence[Context], inputs: BlockInputs) -> None:
        self._contexts, self._declared = inputs.contexts, definitions
        parts = [(each, self._names(each)) for each in definitions]
        self.names = [name for _, names in parts for name in names]
        self.definitions = [each for each, names in parts for _ in names]

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:
        """NaN where the request does not say."""
        table = np.empty((len(queries), len(self.names)), np.float32)
        first = 0
        for each in self._declared:
            code = context_codes(each.context, queries.at, queries.context, self._contexts)
            if each.context in CLOCK:
                table[:, first] = code
                first += 1
            else:
                count = len(self._names(each))
                one_hot = (code[:, None] == np.arange(count)).astype(np.float32)
                table[:, first : first + count] = np.where(code[:, None] == MISSING, np.nan, one_hot)
                first += count
        return table.take(candidates.rows, axis=0)

    def _names(self, definition: Context) -> list[str]:
        name = definition.context
        if name in CLOCK:
            return [name]
        return [f"{name}={word}" for word in self._contexts.vocabularies[name][: definition.max_categories]]
