"""The catalogue of a synthetic world: what can be seen of its items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from shortlist.data.world.truth import Truth

BLOCK = 1 << 19  # items made at a time: the bound of memory; other values give other labels
MISLABELLED = 0.1  # part of items whose category is any
TAGS, TAGGED = 24, 3  # words there are, words an item has: those that point most its way


def tables(truth: Truth) -> Iterator[pl.DataFrame]:
    """The items in blocks: ``item_id``, ``category``, ``price``, ``tags`` and ``arrived``."""
    clusters = truth.knobs.clusters
    categories = pl.Series([f"category-{number:02}" for number in range(clusters)])
    words = pl.Series([f"tag-{number:02}" for number in range(TAGS)])
    rng = np.random.default_rng([truth.knobs.seed, 3])
    meanings = rng.standard_normal((truth.knobs.dimensions, TAGS), np.float32)
    for first in range(0, truth.knobs.items, BLOCK):
        block = slice(first, min(first + BLOCK, truth.knobs.items))
        count = block.stop - block.start
        wrong = rng.random(count) < MISLABELLED
        category = np.where(wrong, rng.integers(clusters, size=count), truth.cluster[block])
        near = np.argpartition(truth.vectors[block] @ meanings, TAGS - TAGGED, axis=1)[:, TAGS - TAGGED :]
        tags = words.gather(np.sort(near, axis=1).ravel()).reshape((count, TAGGED)).arr.to_list()
        yield pl.DataFrame(
            {
                "item_id": np.arange(block.start, block.stop, dtype=np.int32),
                "category": categories.gather(category),
                "price": truth.price[block],
                "tags": tags,
                "arrived": pl.Series(truth.arrived[block]).cast(pl.Datetime("us", "UTC")),
            }
        )
