"""Visual: items whose pictures look like the one that is asked with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.base.errors import DeclarationError
from shortlist.base.files import read_json, write_json
from shortlist.base.items import PICTURES, Items
from shortlist.base.queries import Allowed, Queries, Retrieved
from shortlist.base.suggest import did_you_mean
from shortlist.base.types import AnyArray, Floats, Mask, Positions, Rows
from shortlist.index import VectorIndex
from shortlist.system.contracts import (
    Encoder,
    FittedEncoder,
    FittedSource,
    Source,
    TrainingData,
    TrainingOptions,
)
from shortlist.system.knobs import load_class, path_of
from shortlist.vision.encoders.embed import embed
from shortlist.vision.encoders.pretrained import EfficientNetLite0
from shortlist.vision.tuning.fine_tune import FineTune
from shortlist.vision.tuning.tuned import Shown, tuned

LATELY = 5  # newest items of a history that stand for a query without a picture


@dataclass(frozen=True, kw_only=True)
class Visual(Source):
    """Items by the likeness of their pictures: the cosine of the vectors that ``encoder`` makes of them.

    A query asks with a picture, or with an item whose pictures it likes; one without either is asked with the
    pictures of the newest items of its history. An item with several pictures is as like as the nearest.
    """

    on: str = field(metadata={"doc": "the attribute that holds the pictures"})
    encoder: Encoder = field(default_factory=EfficientNetLite0, metadata={"doc": "what makes the vectors"})
    fine_tune: FineTune | None = field(
        default=None, metadata={"doc": "what the catalogue teaches the encoder"}
    )

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedVisual:
        """Tune the encoder where that is declared, embed every picture, index the vectors.

        Raises DeclarationError where the attribute holds no pictures; MissingExtraError.
        """
        items, seed = data.items, options.seed
        columns = [name for name, kind in items.table.schema.items() if kind == PICTURES]
        if self.on not in columns:
            raise DeclarationError(
                f"Visual(on={self.on!r}): no attribute {self.on!r} with pictures; {did_you_mean(self.on, columns)}"
            )
        owners, hashes = items.hashes(self.on)
        assert items.pictures is not None
        shown = Shown(items.pictures, hashes)
        if self.fine_tune is None:
            encoder = self.encoder.fit()
        else:
            encoder = tuned(
                self.encoder,
                replace(self.fine_tune, seed=seed),
                shown,
                self._labels(items, owners),
                options.progress,
            )
        with options.progress.step("embedding pictures") as step:
            vectors = embed(encoder, items.pictures, hashes, progress=lambda pace: step.detail(str(pace)))
        return FittedVisual(self.on, encoder, VectorIndex.build(vectors, owners, seed=seed))

    def _labels(self, items: Items, owners: Positions) -> AnyArray:
        """The class of each picture, int64[pictures]; -1 where its item has none."""
        assert self.fine_tune is not None
        words = items.words(self.fine_tune.by)
        first = np.full(len(items), -1, np.int64)
        some = np.flatnonzero(np.diff(words.offsets))
        first[some] = words.codes[words.offsets[some]]
        return first[owners]


@dataclass(frozen=True)
class Looks:
    """A batch as vectors of length 1, float32[rows, size], and which rows have one."""

    vectors: Floats
    known: Mask
    pictured: Mask  # rows that asked with a picture


class FittedVisual(FittedSource):
    """An encoder and an index of what it made of the catalogue's pictures."""

    def __init__(self, on: str, encoder: FittedEncoder, index: VectorIndex) -> None:
        self.on, self.encoder, self.index = on, encoder, index

    def encode(self, queries: Queries) -> Looks:
        """The vector of the picture, else of the item asked with, else of the newest items of the history."""
        search_query = queries.search
        asked = search_query.items if search_query is not None else np.full(len(queries), -1, np.int32)
        newest = queries.histories.last(LATELY)
        vectors = self._mean(newest.items, newest.rows, len(queries))
        anchored = np.flatnonzero(asked >= 0)
        vectors[anchored] = self._mean(asked[anchored], np.arange(len(anchored)), len(anchored))
        pictures = search_query.pictures if search_query is not None else [None] * len(queries)
        shown = [row for row, picture in enumerate(pictures) if picture is not None]
        if shown:
            vectors[shown] = self.encoder.encode([picture for picture in pictures if picture is not None])
        pictured = np.zeros(len(queries), bool)
        pictured[shown] = True
        return Looks(vectors, np.abs(vectors).sum(axis=1) > 0, pictured)

    def _mean(self, items: Positions, rows: Rows, count: int) -> Floats:
        """The mean vector of each row's items, of length 1; zeros where none has a picture."""
        sums = np.zeros((count, self.index.size), np.float32)
        owner, vectors = self.index.vectors(items)
        np.add.at(sums, rows[owner], vectors)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        mean: Floats = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
        return mean

    def search(self, encoded: Looks, n: int, allowed: Allowed) -> Retrieved:
        """The items that look most alike; nothing for a row without a vector."""
        rows = np.flatnonzero(encoded.known)
        some = Allowed(allowed.shared, allowed.hidden.take(rows))
        found = self.index.search(encoded.vectors[rows], n, some)
        return Retrieved(rows[found.rows], found.items, found.scores)

    def score(self, encoded: Looks, rows: Rows, items: Positions) -> Floats:
        """The cosine with the item's nearest picture; NaN where either has no vector."""
        scores = self.index.score(encoded.vectors, rows, items)
        scores[~encoded.known[rows]] = np.nan
        return scores

    def describe(self, encoded: Looks, rows: Rows, items: Positions) -> Sequence[str]:
        """How alike each item looks, to who asked with a picture."""
        scores = np.nan_to_num(self.score(encoded, rows, items))
        return [
            f"looks {max(score, 0):.0%} alike" if pictured else ""
            for score, pictured in zip(scores.tolist(), encoded.pictured[rows].tolist(), strict=True)
        ]

    def with_new_items(self, items: Items, known: int) -> FittedVisual:
        """The new items' pictures join the index, which requests that began before share: their items are hidden
        from those, since they lie beyond what is allowed there.
        """
        fresh = Items(items.table[known:], items.pictures)
        owners, hashes = fresh.hashes(self.on)
        if hashes:
            assert items.pictures is not None
            vectors = embed(self.encoder, items.pictures, hashes)
            self.index.replace(vectors, owners + np.int32(known))
        return self

    def save(self, folder: Path) -> None:
        """The encoder and the index, each in its folder."""
        write_json(folder / "visual.json", {"on": self.on, "encoder": path_of(type(self.encoder))})
        for name, part in (("encoder", self.encoder), ("index", self.index)):
            (folder / name).mkdir()
            part.save(folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Vectors stay mapped to their files; the encoder needs no library that trained it."""
        told = read_json(folder / "visual.json")
        encoder = load_class(told["encoder"], FittedEncoder).load(folder / "encoder")
        return cls(told["on"], encoder, VectorIndex.load(folder / "index"))
