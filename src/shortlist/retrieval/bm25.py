"""Words: items whose names and descriptions say what was asked, or what the history was about."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from scipy import sparse

from shortlist.base.columns import ITEM
from shortlist.base.errors import DeclarationError
from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.items import Items
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.suggest import did_you_mean
from shortlist.base.top import top_of_lists
from shortlist.base.types import AnyArray, Floats, Positions, Rows
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions

K1, B = 1.2, 0.75  # how soon a repeated word counts no more, and how much long texts pay
LATELY = 5  # newest items of a history that stand for a query without words
ROWS = ("data", "indices", "indptr")  # of a sparse matrix


@dataclass(frozen=True, kw_only=True)
class BM25(Source):
    """Items by the words of their texts: BM25 (Robertson and Zaragoza, "The probabilistic relevance framework",
    2009). A query without words is asked with the words of the newest items of its history.

    Words are compared without case, accents and the English plural (the S-stemmer of Harman, "How effective is
    suffixing?", 1991).
    """

    on: Sequence[str] = field(default=(), metadata={"doc": "attributes that are read; none: all with words"})

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedBM25:  # noqa: ARG002
        """Count words. Raises DeclarationError where an attribute is not there or holds no words."""
        items = data.items
        texts = [name for name, kind in items.table.schema.items() if _is_text(kind) and name != ITEM]
        for name in self.on:
            if name not in texts:
                raise DeclarationError(
                    f"BM25(on=...): no attribute {name!r} with words; {did_you_mean(name, texts)}"
                )
        on = tuple(self.on) or tuple(texts)
        spoken = [spoken_words(text) for text in _texts(items.table, on)]
        vocabulary = {word: code for code, word in enumerate(sorted({w for words in spoken for w in words}))}
        counts = _counts(spoken, vocabulary)
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        prior = float(lengths.mean()) if len(lengths) else 1.0
        known = np.bincount(counts.indices, minlength=len(vocabulary))
        rarity = np.log1p((len(items) - known + 0.5) / (known + 0.5)).astype(np.float32)
        return FittedBM25(on, vocabulary, rarity, prior, _weighted(counts, rarity, prior))


@dataclass(frozen=True)
class Asked:
    """A batch's words: weights float32[rows, vocabulary]."""

    words: sparse.csr_array


class FittedBM25(FittedSource):
    """``weights`` float32[items, vocabulary] is what each word of an item adds to its score."""

    def __init__(
        self,
        on: tuple[str, ...],
        vocabulary: Mapping[str, int],
        rarity: Floats,
        prior: float,
        weights: sparse.csr_array,
    ) -> None:
        self.on, self.vocabulary, self.rarity, self.prior, self.weights = (
            on, vocabulary, rarity, prior, weights,
        )  # fmt: skip
        self.by_word = weights.T.tocsr()
        self.words = tuple(vocabulary)

    def encode(self, queries: Queries) -> Asked:
        """The words that were asked with, or those of the newest items of the history."""
        search_query = queries.search.words if queries.search is not None else [""] * len(queries)
        asked = _counts([spoken_words(text) for text in search_query], self.vocabulary)
        newest = queries.histories.last(LATELY)
        recent = self._of(newest.items)
        by_row = sparse.csr_array(
            (np.ones(len(newest.items), np.float32), np.arange(len(newest.items)), newest.offsets),
            shape=(len(queries), len(newest.items)),
        )
        silent = sparse.dia_array(
            (np.array([[not text for text in search_query]], np.float32), [0]), (len(search_query),) * 2
        )
        return Asked((asked + silent @ by_row @ recent).tocsr())

    def _of(self, items: Positions) -> sparse.csr_array:
        """Which words the items have, 1 each; nothing of items that came later."""
        known = np.where(items < self.weights.shape[0], items, 0)
        words = self.weights[known]
        words.data = np.repeat((items < self.weights.shape[0]).astype(np.float32), np.diff(words.indptr))
        return words

    def search(self, encoded: Asked, n: int, allowed: Allowed) -> Retrieved:
        """Items with at least one of the words."""
        scores = (encoded.words @ self.by_word).tocoo()
        rows, items = (each.astype(np.int64) for each in scores.coords)
        keep = allowed.keep(rows, items.astype(np.int32)) & (scores.data > 0)
        return top_of_lists(rows[keep], items[keep].astype(np.int32), scores.data[keep], n)

    def score(self, encoded: Asked, rows: Rows, items: Positions) -> Floats:
        """The sum over the asked words; 0 where an item has none of them."""
        product: AnyArray = encoded.words[rows].multiply(self.weights[items]).sum(axis=1)
        return np.asarray(product, np.float32).ravel()

    def describe(self, encoded: Asked, rows: Rows, items: Positions) -> list[str]:
        """The asked words that each item has."""
        shared = encoded.words[rows].multiply(self.weights[items]).tocsr()
        spans = zip(shared.indptr[:-1].tolist(), shared.indptr[1:].tolist(), strict=True)
        return [
            "says " + ", ".join(self.words[c] for c in shared.indices[a:b]) if a < b else "" for a, b in spans
        ]

    def with_new_items(self, items: Items, known: int) -> FittedBM25:
        """The same with the items from position ``known`` on, weighed by what is prior among the old ones.

        Words that only they have count as said by one item.
        """
        spoken = [spoken_words(text) for text in _texts(items.table[known:], self.on)]
        fresh = sorted({word for words in spoken for word in words} - self.vocabulary.keys())
        vocabulary = {word: code for code, word in enumerate([*self.words, *fresh])}
        rare = np.log1p((known - 0.5) / 1.5)
        rarity = np.concatenate([self.rarity, np.full(len(fresh), rare, np.float32)])
        old = self.weights.copy()
        old.resize(old.shape[0], len(vocabulary))
        added = _weighted(_counts(spoken, vocabulary), rarity, self.prior)
        weights = sparse.vstack([old, added], format="csr")
        return FittedBM25(self.on, vocabulary, rarity, self.prior, weights)

    def save(self, folder: Path) -> None:
        """Arrays, the words, and which attributes they are of."""
        save_arrays(folder, rarity=self.rarity, **{name: getattr(self.weights, name) for name in ROWS})
        write_json(
            folder / "words.json", {"on": self.on, "prior": self.prior, "words": list(self.vocabulary)}
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Arrays stay mapped to their files."""
        told = read_json(folder / "words.json")
        parts = tuple(load_array(folder, name) for name in ROWS)
        weights = sparse.csr_array(parts, shape=(len(parts[2]) - 1, len(told["words"])))
        vocabulary = {word: code for code, word in enumerate(told["words"])}
        return cls(tuple(told["on"]), vocabulary, load_array(folder, "rarity"), told["prior"], weights)


def spoken_words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return [_singular(word) for word in re.findall(r"\w+", bare)]


def _singular(word: str) -> str:
    """An English word without its plural; never shorter than three letters."""
    if len(word) > 4 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("oes"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


def _is_text(kind: pl.DataType) -> bool:
    return kind in (pl.String, pl.List(pl.String))


def _texts(table: pl.DataFrame, on: Sequence[str]) -> Iterator[str]:
    """All words of each item in one text."""
    parts = [
        (table[name].list.join(" ") if isinstance(table.schema[name], pl.List) else table[name]).fill_null("")
        for name in on
    ]
    if not parts:
        return iter([""] * len(table))
    return iter(
        pl.select(pl.concat_str([pl.lit(part) for part in parts], separator=" ")).to_series().to_list()
    )


def _counts(spoken: Sequence[Sequence[str]], vocabulary: Mapping[str, int]) -> sparse.csr_array:
    """How often each text has each word of the vocabulary, float32[texts, vocabulary]."""
    codes = [[vocabulary[word] for word in words if word in vocabulary] for words in spoken]
    offsets = np.cumsum([0, *(len(each) for each in codes)])
    flat = np.array([code for each in codes for code in each], np.int32)
    counts = sparse.csr_array(
        (np.ones(len(flat), np.float32), flat, offsets), shape=(len(codes), len(vocabulary))
    )
    counts.sum_duplicates()
    return counts


def _weighted(counts: sparse.csr_array, rarity: Floats, prior: float) -> sparse.csr_array:
    """What each word of each text adds to a score."""
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    often = counts.data
    penalty = np.repeat(K1 * (1 - B + B * lengths / max(prior, 1e-9)), np.diff(counts.indptr))
    weights = rarity[counts.indices] * often * (K1 + 1) / (often + penalty)
    return sparse.csr_array((weights.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)
