"""BM25: items whose texts contain the words of the query, or those of the history's items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from shortlist.retrieval._text import Vocabulary, tokenize
from shortlist.system.contracts import FittedSource, Source, TrainingData, TrainingOptions

K1, B = 1.2, 0.75  # saturation of the term frequency, and length normalisation
RECENT_ITEMS = 5  # of a history, which stand for a query without words
CSR = ("data", "indices", "indptr")


@dataclass(frozen=True, kw_only=True)
class BM25(Source):
    """Items by the words of their texts (Robertson and Zaragoza, "The probabilistic relevance framework", 2009).
    A query without words has the words of the newest items of its history.

    Words are compared without case, accents and the English plural (the S-stemmer of Harman, "How effective is
    suffixing?", 1991).
    """

    on: Sequence[str] = field(default=(), metadata={"doc": "attributes to read; empty: all that hold text"})

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedBM25:  # noqa: ARG002
        """Count terms. Raises DeclarationError where an attribute is absent or holds no text."""
        items = data.items
        texts = [name for name, kind in items.table.schema.items() if _is_text(kind) and name != ITEM]
        for name in self.on:
            if name not in texts:
                raise DeclarationError(
                    f"BM25(on=...): no attribute {name!r} with words; {did_you_mean(name, texts)}"
                )
        on = tuple(self.on) or tuple(texts)
        documents = [tokenize(text) for text in _texts(items.table, on)]
        vocabulary = Vocabulary.of(documents)
        frequencies = vocabulary.counts(documents, len(vocabulary))
        lengths = np.asarray(frequencies.sum(axis=1)).ravel()
        average_length = float(lengths.mean()) if len(lengths) else 1.0
        containing = np.bincount(frequencies.indices, minlength=len(vocabulary))
        idf = np.log1p((len(items) - containing + 0.5) / (containing + 0.5)).astype(np.float32)
        postings = Postings(0, _term_weights(frequencies, idf, average_length))
        return FittedBM25(on, vocabulary, idf, len(items), average_length, (postings,))


class Postings:
    """Consecutive items and the BM25 weight of each of their terms, float32[items, terms], by row and by column."""

    def __init__(self, first: int, weights: sparse.csr_array) -> None:
        self.first, self.weights = first, weights
        self.by_term = weights.T.tocsr()

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    def merged(self, after: Postings) -> Postings:
        """These and the items that follow."""
        own = self.weights.copy()
        own.resize(len(self), after.weights.shape[1])
        return Postings(self.first, sparse.vstack([own, after.weights], format="csr"))


class FittedBM25(FittedSource):
    """``encode`` gives the terms of each query, float32[queries, terms].

    A source that took in new items shares the vocabulary and the older postings with the one before. New
    postings are merged with older ones of their size, so n items in a row cost O(n log n).
    """

    def __init__(
        self,
        on: tuple[str, ...],
        vocabulary: Vocabulary,
        idf: Floats,
        documents: int,
        average_length: float,
        postings: tuple[Postings, ...],
    ) -> None:
        self.on, self.vocabulary, self.idf, self.documents = on, vocabulary, idf, documents
        self.average_length, self.postings = average_length, postings

    def __len__(self) -> int:
        return self.postings[-1].first + len(self.postings[-1])

    def encode(self, queries: Queries) -> sparse.csr_array:
        """The terms of the query's words, otherwise of the newest items of its history."""
        texts = queries.search.words if queries.search is not None else [""] * len(queries)
        typed = self.vocabulary.counts([tokenize(text) for text in texts], len(self.idf))
        newest = queries.histories.last(RECENT_ITEMS)
        recent = self._weights(newest.items)
        recent.data = np.ones_like(recent.data)  # which terms the items have, not how much they weigh
        wordless = ~np.array([bool(text) for text in texts], bool)
        by_query = sparse.csr_array(
            (wordless[newest.rows].astype(np.float32), np.arange(len(newest.items)), newest.offsets),
            shape=(len(queries), len(newest.items)),
        )
        return (typed + by_query @ recent).tocsr()

    def _weights(self, items: Positions) -> sparse.csr_array:
        """The weights of the items' terms, float32[items, terms]."""
        starts = np.array([each.first for each in self.postings])
        which = np.searchsorted(starts, items, side="right") - 1
        parts, order = [], []
        for number in np.unique(which).tolist():
            own = np.flatnonzero(which == number)
            rows = self.postings[number].weights[items[own] - starts[number]]
            rows.resize(len(own), len(self.idf))
            parts.append(rows)
            order.append(own)
        if not parts:
            return sparse.csr_array((0, len(self.idf)), dtype=np.float32)
        if len(parts) == 1:
            return parts[0]
        return sparse.vstack(parts, format="csr")[np.argsort(np.concatenate(order))]

    def search(self, encoded: sparse.csr_array, n: int, allowed: Allowed) -> Retrieved:
        """Items with at least one of the terms."""
        rows, items, scores = [], [], []
        for postings in self.postings:
            matches = (encoded[:, : postings.by_term.shape[0]] @ postings.by_term).tocoo()
            rows.append(matches.coords[0].astype(np.int64))
            items.append(matches.coords[1].astype(np.int32) + np.int32(postings.first))
            scores.append(matches.data)
        all_rows, all_items, all_scores = map(np.concatenate, (rows, items, scores))
        keep = allowed.keep(all_rows, all_items) & (all_scores > 0)
        return top_of_lists(all_rows[keep], all_items[keep], all_scores[keep], n)

    def score(self, encoded: sparse.csr_array, rows: Rows, items: Positions) -> Floats:
        """The BM25 score; 0 where an item has none of the terms."""
        total: AnyArray = encoded[rows].multiply(self._weights(items)).sum(axis=1)
        return np.asarray(total, np.float32).ravel()

    def describe(self, encoded: sparse.csr_array, rows: Rows, items: Positions) -> list[str]:
        """The query's terms that each item has."""
        shared = encoded[rows].multiply(self._weights(items)).tocsr()
        spans = zip(shared.indptr[:-1].tolist(), shared.indptr[1:].tolist(), strict=True)
        terms = self.vocabulary.terms
        return ["says " + ", ".join(terms[t] for t in shared.indices[a:b]) if a < b else "" for a, b in spans]

    def with_new_items(self, items: Items, trained: int) -> FittedBM25:
        """The same and the items from position ``trained`` on. Average length and inverse document frequencies stay
        those of the items that it was fitted on; a new term counts as one that was in one of them.
        """
        documents = [tokenize(text) for text in _texts(items.table[trained:], self.on)]
        if not documents:
            return self
        size = self.vocabulary.extend(documents)
        rare = np.log1p((self.documents - 0.5) / 1.5)
        idf = np.concatenate([self.idf, np.full(size - len(self.idf), rare, np.float32)])
        weights = _term_weights(self.vocabulary.counts(documents, size), idf, self.average_length)
        postings = [*self.postings, Postings(trained, weights)]
        while len(postings) > 1 and len(postings[-2]) <= len(postings[-1]):
            postings[-2:] = [postings[-2].merged(postings[-1])]
        parameters = (self.on, self.vocabulary, idf, self.documents, self.average_length)
        return FittedBM25(*parameters, tuple(postings))

    def save(self, folder: Path) -> None:
        """Arrays, the terms, and which attributes they are of."""
        whole = self.postings[0]
        for postings in self.postings[1:]:
            whole = whole.merged(postings)
        save_arrays(folder, idf=self.idf, **{name: getattr(whole.weights, name) for name in CSR})
        terms = self.vocabulary.terms[: len(self.idf)]
        facts = {"on": self.on, "documents": self.documents, "average_length": self.average_length}
        write_json(folder / "bm25.json", facts | {"terms": terms})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Arrays stay mapped to their files."""
        facts = read_json(folder / "bm25.json")
        arrays = tuple(load_array(folder, name) for name in CSR)
        weights = sparse.csr_array(arrays, shape=(len(arrays[2]) - 1, len(facts["terms"])))
        vocabulary, idf = Vocabulary(facts["terms"]), load_array(folder, "idf")
        parameters = (tuple(facts["on"]), vocabulary, idf, facts["documents"], facts["average_length"])
        return cls(*parameters, (Postings(0, weights),))


def _is_text(kind: pl.DataType) -> bool:
    return kind in (pl.String, pl.List(pl.String))


def _texts(table: pl.DataFrame, on: Sequence[str]) -> Iterator[str]:
    """The attributes of each item as one text."""
    parts = [
        (table[name].list.join(" ") if isinstance(table.schema[name], pl.List) else table[name]).fill_null("")
        for name in on
    ]
    if not parts:
        return iter([""] * len(table))
    joined = pl.select(pl.concat_str([pl.lit(part) for part in parts], separator=" ")).to_series()
    return iter(joined.to_list())


def _term_weights(frequencies: sparse.csr_array, idf: Floats, average_length: float) -> sparse.csr_array:
    """What each term of each document adds to a score, float32[documents, terms]."""
    lengths = np.asarray(frequencies.sum(axis=1)).ravel()
    normalisation = K1 * (1 - B + B * lengths / max(average_length, 1e-9))
    tf = frequencies.data
    saturated = tf * (K1 + 1) / (tf + np.repeat(normalisation, np.diff(frequencies.indptr)))
    weights = (idf[frequencies.indices] * saturated).astype(np.float32)
    return sparse.csr_array((weights, frequencies.indices, frequencies.indptr), shape=frequencies.shape)
