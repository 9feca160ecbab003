"""Context: categories that events and requests carry besides user, item and time, such as the device.

A context has a name and a vocabulary, learned from the log; inside the engine a value is its code, the place in
that vocabulary. In stores and logs the context of an event is one JSON text, ``{"device": "mobile"}``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shortlist.base.errors import InvalidRequestError
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray

MISSING = -1  # the code of a value that is absent or not in the vocabulary
VOCABULARY_SIZE = 100  # values of one context; rarer ones count as missing


@dataclass(frozen=True)
class Contexts:
    """The declared contexts, in order, each with its vocabulary, the most frequent value first."""

    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the columns of ``Queries.context`` and ``Histories.context``."""
        return tuple(self.vocabularies)

    @classmethod
    def from_counts(cls, names: Iterable[str], counts: Iterable[tuple[Mapping[str, str], int]]) -> Contexts:
        """The vocabulary of each name from (context, how many events have it) pairs."""
        totals: dict[str, Counter[str]] = {name: Counter() for name in names}
        for context, count in counts:
            for name, value in context.items():
                if name in totals:
                    totals[name][value] += count
        return cls(
            {
                name: tuple(sorted(total, key=lambda value: (-total[value], value))[:VOCABULARY_SIZE])
                for name, total in totals.items()
            }
        )

    def codes(self, contexts: Sequence[Mapping[str, str] | None]) -> AnyArray | None:
        """Codes, int16[rows, contexts], with MISSING; None where no context is declared."""
        if not self.vocabularies:
            return None
        columns = [
            (name, {value: code for code, value in enumerate(vocabulary)})
            for name, vocabulary in self.vocabularies.items()
        ]
        rows = [
            [code.get((context or {}).get(name, ""), MISSING) for name, code in columns]
            for context in contexts
        ]
        return np.array(rows, np.int16).reshape(len(rows), len(columns))

    def encode_request(self, context: Mapping[str, str] | None) -> AnyArray | None:
        """A request's context, int16[1, contexts]. Raises InvalidRequestError where a name is not declared."""
        must_be_declared(context, self.names)
        return self.codes([context])


NO_CONTEXTS = Contexts()


def must_be_declared(context: Mapping[str, str] | None, names: Iterable[str], path: str = "") -> None:
    """Raise InvalidRequestError unless every name is one of ``names``."""
    known = set(names)
    for name in context or ():
        if name not in known:
            hint = did_you_mean(name, known)
            raise InvalidRequestError(f"{path}context.{name}", f"no context {name!r} is declared: {hint}")


def to_text(context: Mapping[str, str] | None) -> str | None:
    """The one JSON text of a context; None where it is empty."""
    return json.dumps(context, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if context else None


def from_text(text: str | None) -> dict[str, str]:
    """What ``to_text`` wrote."""
    context: dict[str, str] = json.loads(text) if text else {}
    return context
