"""Context: the words that events and requests carry besides who did what, such as the device.

A context has a name and knows the words that its log has; inside the engine a word is its place among them.
In stores and logs the context of an event is one JSON text, ``{"device": "mobile"}``.
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

UNSAID = -1
MOST = 100  # words of a context; rarer ones count as unsaid


@dataclass(frozen=True)
class Contexts:
    """The declared contexts, in order, each with its words, the most common first."""

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the columns of ``Queries.context`` and ``Histories.context``."""
        return tuple(self.words)

    @classmethod
    def learned(cls, names: Iterable[str], said: Iterable[tuple[Mapping[str, str], int]]) -> Contexts:
        """The words of each name among (context, how often) pairs."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in names}
        for context, count in said:
            for name, word in context.items():
                if name in counts:
                    counts[name][word] += count
        return cls(
            {
                name: tuple(sorted(found, key=lambda word: (-found[word], word))[:MOST])
                for name, found in counts.items()
            }
        )

    def codes(self, contexts: Sequence[Mapping[str, str] | None]) -> AnyArray | None:
        """int16[rows, contexts]; UNSAID where a word is missing or not known. None where no context is declared."""
        if not self.words:
            return None
        places = [{word: place for place, word in enumerate(words)} for words in self.words.values()]
        rows = [
            [
                place.get((context or {}).get(name, ""), UNSAID)
                for name, place in zip(self.words, places, strict=True)
            ]
            for context in contexts
        ]
        return np.array(rows, np.int16).reshape(len(rows), len(self.words))

    def asked(self, context: Mapping[str, str] | None) -> AnyArray | None:
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
    """The one JSON text of a context; None where it says nothing."""
    return json.dumps(context, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if context else None


def from_text(text: str | None) -> dict[str, str]:
    """What ``to_text`` wrote."""
    found: dict[str, str] = json.loads(text) if text else {}
    return found
