"""Texts as terms: tokens, their stems, and a vocabulary that grows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse


def tokenize(text: str) -> list[str]:
    """The terms of a text: its words without case, accents and the English plural."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return [stem(word) for word in re.findall(r"\w+", bare)]


def stem(word: str) -> str:
    """An English word without its plural (the S-stemmer of Harman, 1991); never shorter than three letters."""
    if len(word) > 4 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("oes"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


class Vocabulary:
    """Terms and their codes. Append-only, so whoever reads only the first ``size`` codes sees no change."""

    def __init__(self, terms: Iterable[str]) -> None:
        self.terms = list(terms)
        self._codes = {term: code for code, term in enumerate(self.terms)}

    @classmethod
    def of(cls, documents: Sequence[Sequence[str]]) -> Vocabulary:
        """Every term of the documents, sorted."""
        return cls(sorted({term for document in documents for term in document}))

    def __len__(self) -> int:
        return len(self.terms)

    def extend(self, documents: Sequence[Sequence[str]]) -> int:
        """Add the documents' new terms at the end, and return the new size. One thread at a time."""
        new = {term for document in documents for term in document} - self._codes.keys()
        for term in sorted(new):
            self._codes[term] = len(self.terms)
            self.terms.append(term)
        return len(self.terms)

    def counts(self, documents: Sequence[Sequence[str]], size: int) -> sparse.csr_array:
        """How often each of the first ``size`` terms is in each document, float32[documents, size]."""
        coded = [[self._codes.get(term, size) for term in document] for document in documents]
        codes = [[code for code in document if code < size] for document in coded]
        offsets = np.cumsum([0, *map(len, codes)])
        flat = np.array([code for document in codes for code in document], np.int32)
        ones = np.ones(len(flat), np.float32)
        counts = sparse.csr_array((ones, flat, offsets), shape=(len(codes), size))
        counts.sum_duplicates()
        return counts
