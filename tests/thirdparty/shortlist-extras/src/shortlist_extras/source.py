"""A source: items with the words of the history."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.components import (
    Allowed,
    DeclarationError,
    FittedSource,
    Floats,
    Items,
    Positions,
    Queries,
    Retrieved,
    Rows,
    Source,
    TrainingData,
    TrainingOptions,
    did_you_mean,
    read_json,
    top,
    write_json,
)

Words = list[list[str]]  # of each item


@dataclass(frozen=True, kw_only=True)
class SharedWords(Source):
    """The cosine of an item's words with the words of the history, as counts."""

    on: str

    def fit(self, data: TrainingData, options: TrainingOptions) -> "FittedSharedWords":
        """Read the words. Raises DeclarationError where the attribute is absent."""
        columns = data.items.table.columns
        if self.on not in columns:
            raise DeclarationError(
                f"SharedWords(on={self.on!r}): no such attribute; {did_you_mean(self.on, columns)}"
            )
        return FittedSharedWords(self.on, _words(data.items, self.on))


def _words(items: Items, attribute: str) -> Words:
    return [[] if value is None else list(value) for value in items.table[attribute].to_list()]


class FittedSharedWords(FittedSource):
    """One row of 0 and 1 per item, one column per word."""

    def __init__(self, on: str, words: Words) -> None:
        self.on, self.words = on, words
        codes = {word: code for code, word in enumerate(sorted({w for each in words for w in each}))}
        self.matrix = np.zeros((len(words), len(codes)), np.float32)
        for item, each in enumerate(words):
            self.matrix[item, [codes[word] for word in each]] = 1.0
        lengths = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        self.matrix /= np.maximum(lengths, 1.0)

    def encode(self, queries: Queries) -> Floats:
        profiles = np.zeros((len(queries), self.matrix.shape[1]), np.float32)
        np.add.at(profiles, queries.histories.rows, self.matrix[queries.histories.items])
        lengths = np.linalg.norm(profiles, axis=1, keepdims=True)
        return np.divide(profiles, lengths, out=profiles, where=lengths > 0)

    def search(self, encoded: Floats, n: int, allowed: Allowed) -> Retrieved:
        scores = np.einsum("rw,iw->ri", encoded, self.matrix)
        scores[scores <= 0] = -np.inf
        allowed.hide(scores)
        return top(scores, n)

    def score(self, encoded: Floats, rows: Rows, items: Positions) -> Floats:
        return np.einsum("pw,pw->p", encoded[rows], self.matrix[items])

    def describe(self, encoded: Floats, rows: Rows, items: Positions) -> list[str]:
        return [f"has {', '.join(self.words[item])}" if self.words[item] else "" for item in items]

    def with_new_items(self, items: Items, trained: int) -> "FittedSharedWords":
        return type(self)(self.on, _words(items, self.on))

    def save(self, folder: Path) -> None:
        write_json(folder / "words.json", {"on": self.on, "words": self.words})

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(**read_json(folder / "words.json"))
