"""Visual: items whose pictures are similar to the query's."""

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
from shortlist.index import SegmentedIndex, VectorIndex
from shortlist.system.contracts import (
    Encoder,
    FittedEncoder,
    FittedSource,
    Source,
    TrainingData,
    TrainingOptions,
)
from shortlist.system.serialization import load_class, path_of
from shortlist.vision.encoders.embed import embed
from shortlist.vision.encoders.pretrained import EfficientNetLite0
from shortlist.vision.tuning.fine_tune import FineTune
from shortlist.vision.tuning.tuned_encoders import PictureSequence, tuned_encoder

RECENT_ITEMS = 5  # of a history, which stand for a query without a picture


@dataclass(frozen=True, kw_only=True)
class Visual(Source):
    """Items by the similarity of their pictures: the cosine of the vectors that ``encoder`` makes of them.

    The query vector is that of the query's picture, otherwise of the pictures of the query's item, otherwise of
    those of the newest items of its history. An item with several pictures scores as the nearest of them.
    """

    on: str = field(metadata={"doc": "the attribute that holds the pictures"})
    encoder: Encoder = field(default_factory=EfficientNetLite0, metadata={"doc": "makes the vectors"})
    fine_tune: FineTune | None = field(
        default=None, metadata={"doc": "how the encoder is tuned to the catalogue; None: not at all"}
    )

    def fit(self, data: TrainingData, options: TrainingOptions) -> FittedVisual:
        """Tune the encoder where that is declared, embed every picture, index the vectors.

        Raises DeclarationError where the attribute holds no pictures; MissingExtraError.
        """
        items = data.items
        columns = [name for name, kind in items.table.schema.items() if kind == PICTURES]
        if self.on not in columns:
            raise DeclarationError(
                f"Visual(on={self.on!r}): no attribute {self.on!r} with pictures; {did_you_mean(self.on, columns)}"
            )
        owners, hashes = items.hashes(self.on)
        assert items.pictures is not None
        encoder = self._encoder(items, owners, PictureSequence(items.pictures, hashes), options)
        with options.progress.step("embedding pictures", total=len(hashes), unit="pictures") as step:
            vectors = embed(encoder, items.pictures, hashes, threads=options.threads, step=step)
        return FittedVisual(self.on, encoder, SegmentedIndex.build(vectors, owners, seed=options.seed))

    def _encoder(
        self, items: Items, owners: Positions, pictures: PictureSequence, options: TrainingOptions
    ) -> FittedEncoder:
        if self.fine_tune is None:
            return self.encoder.fit()
        parameters = replace(self.fine_tune, seed=options.seed)
        return tuned_encoder(
            self.encoder, parameters, pictures, self._labels(items, owners), options.progress
        )

    def _labels(self, items: Items, owners: Positions) -> AnyArray:
        """The class of each picture, int64[pictures]; -1 where its item has none."""
        assert self.fine_tune is not None
        column = items.words(self.fine_tune.by)
        first = np.full(len(items), -1, np.int64)
        labelled = np.flatnonzero(np.diff(column.offsets))
        first[labelled] = column.codes[column.offsets[labelled]]
        return first[owners]


@dataclass(frozen=True)
class EncodedQueries:
    """A batch as vectors of length 1, float32[rows, size], zeros where a row has none."""

    vectors: Floats
    has_vector: Mask  # bool[rows]
    by_picture: Mask  # bool[rows], whether the query brought a picture


class FittedVisual(FittedSource):
    """An encoder and an index of the catalogue's pictures."""

    def __init__(self, on: str, encoder: FittedEncoder, index: VectorIndex) -> None:
        self.on, self.encoder, self.index = on, encoder, index

    def encode(self, queries: Queries) -> EncodedQueries:
        """The vector of the picture, else of the query's item, else of the newest items of the history."""
        search = queries.search
        newest = queries.histories.last(RECENT_ITEMS)
        vectors = self._mean(newest.items, newest.rows, len(queries))
        by_picture = np.zeros(len(queries), bool)
        if search is not None:
            anchored = np.flatnonzero(search.items >= 0)
            vectors[anchored] = self._mean(search.items[anchored], np.arange(len(anchored)), len(anchored))
            by_picture[:] = [picture is not None for picture in search.pictures]
            if by_picture.any():
                pictures = [picture for picture in search.pictures if picture is not None]
                vectors[by_picture] = self.encoder.encode(pictures)
        return EncodedQueries(vectors, np.abs(vectors).sum(axis=1) > 0, by_picture)

    def _mean(self, items: Positions, rows: Rows, count: int) -> Floats:
        """The mean vector of each row's items, of length 1; zeros where none has a picture."""
        sums = np.zeros((count, self.index.size), np.float32)
        owner, vectors = self.index.vectors(items)
        np.add.at(sums, rows[owner], vectors)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        mean: Floats = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
        return mean

    def search(self, encoded: EncodedQueries, n: int, allowed: Allowed) -> Retrieved:
        """The most similar items; nothing for a row without a vector."""
        rows = np.flatnonzero(encoded.has_vector)
        nearest = self.index.search(encoded.vectors[rows], n, allowed.take(rows))
        return Retrieved(rows[nearest.rows], nearest.items, nearest.scores)

    def score(self, encoded: EncodedQueries, rows: Rows, items: Positions) -> Floats:
        """The cosine with the item's nearest picture; NaN where either has no vector."""
        scores = self.index.score(encoded.vectors, rows, items)
        scores[~encoded.has_vector[rows]] = np.nan
        return scores

    def describe(self, encoded: EncodedQueries, rows: Rows, items: Positions) -> Sequence[str]:
        """The visual similarity of each item to the query's picture."""
        scores = np.nan_to_num(self.score(encoded, rows, items))
        return [
            f"looks {max(score, 0):.0%} alike" if by_picture else ""
            for score, by_picture in zip(scores.tolist(), encoded.by_picture[rows].tolist(), strict=True)
        ]

    def with_new_items(self, items: Items, trained: int) -> FittedVisual:
        """The new items' pictures join the index in place. Requests that began before share it, and do not get
        the new items, whose positions lie beyond what is allowed there.
        """
        new = Items(items.table[trained:], items.pictures)
        owners, hashes = new.hashes(self.on)
        if hashes:
            assert items.pictures is not None
            vectors = embed(self.encoder, items.pictures, hashes)
            self.index.replace(vectors, owners + np.int32(trained))
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
        facts = read_json(folder / "visual.json")
        encoder = load_class(facts["encoder"], FittedEncoder).load(folder / "encoder")
        return cls(facts["on"], encoder, SegmentedIndex.load(folder / "index"))
