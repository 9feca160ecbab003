"""All features of a system: the automatic set, derived from the catalogue and the sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from shortlist.base.files import load_array, read_json, save_arrays, write_json
from shortlist.base.histories import Histories
from shortlist.base.items import Items
from shortlist.base.queries import Candidates, Queries
from shortlist.base.types import Floats
from shortlist.features.block import Block
from shortlist.features.item import AgeBlock, ItemBlock, attributes, item_matrix
from shortlist.features.pair import AffinityBlock, DistanceBlock
from shortlist.features.user import UserBlock


class SourceBlock(Block):
    """What each source thinks of a candidate, and how many of them proposed it."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.names = [f"source_{name}" for name in sources]

    def columns(self, queries: Queries, candidates: Candidates) -> Floats:  # noqa: ARG002
        """Already there: the merge keeps every source's score of every candidate."""
        return candidates.scores


class Features:
    """The columns that rankers see, for any batch of queries and candidates."""

    def __init__(self, items: Items, sources: Sequence[str], item_names: list[str], matrix: Floats) -> None:
        self.sources, self.item_names, self.matrix = list(sources), item_names, matrix
        # a text is different for each item, so it has no affinity
        shared = [name for name in attributes(items, "words") if not _unique(items, name)]
        self.blocks: list[Block] = [
            SourceBlock(sources),
            ItemBlock(item_names, matrix),
            UserBlock(matrix[:, item_names.index("item_events")]),
            *(AffinityBlock(items, name) for name in shared),
            *(DistanceBlock(items, name) for name in attributes(items, "number")),
            *(AgeBlock(items, name) for name in attributes(items, "time")),
        ]
        self.names = [name for block in self.blocks for name in block.names]

    @classmethod
    def fit(cls, histories: Histories, items: Items, sources: Sequence[str]) -> Self:
        """Measure the items on ``histories``."""
        return cls(items, sources, *item_matrix(histories, items))

    def __call__(self, queries: Queries, candidates: Candidates) -> Floats:
        """float32[candidates, names]."""
        return np.concatenate([block.columns(queries, candidates) for block in self.blocks], axis=1)

    def save(self, folder: Path) -> None:
        """The item matrix and the names."""
        save_arrays(folder, matrix=self.matrix)
        write_json(folder / "names.json", {"sources": self.sources, "item": self.item_names})

    @classmethod
    def load(cls, folder: Path, items: Items) -> Self:
        """The matrix stays mapped to its file."""
        names = read_json(folder / "names.json")
        return cls(items, names["sources"], names["item"], load_array(folder, "matrix"))


def _unique(items: Items, attribute: str) -> bool:
    """Whether nearly every item has a word of its own."""
    words = items.words(attribute)
    return words.size > 0.5 * max(len(words.codes), 1)
