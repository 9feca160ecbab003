"""The catalogue of a synthetic world: the observable attributes of its items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from shortlist.data.world.truth import Truth

ITEM_BLOCK = 1 << 19  # items drawn at a time, which bounds memory; other values give other labels
MISLABELLED = 0.1  # part of items whose category is random
TAGS, TAGS_PER_ITEM = 24, 3  # of the catalogue; those with the largest product with the item's vector


def item_tables(truth: Truth) -> Iterator[pl.DataFrame]:
    """The items in blocks: ``item_id``, ``category``, ``price``, ``tags`` and ``arrived``."""
    clusters = truth.parameters.clusters
    categories = pl.Series([f"category-{number:02}" for number in range(clusters)])
    words = pl.Series([f"tag-{number:02}" for number in range(TAGS)])
    rng = np.random.default_rng([truth.parameters.seed, 3])
    directions = rng.standard_normal((truth.parameters.dimensions, TAGS), np.float32)
    for first in range(0, truth.parameters.items, ITEM_BLOCK):
        block = slice(first, min(first + ITEM_BLOCK, truth.parameters.items))
        count = block.stop - block.start
        wrong = rng.random(count) < MISLABELLED
        category = np.where(wrong, rng.integers(clusters, size=count), truth.cluster[block])
        near = np.argpartition(truth.vectors[block] @ directions, TAGS - TAGS_PER_ITEM, axis=1)[
            :, TAGS - TAGS_PER_ITEM :
        ]
        tags = words.gather(np.sort(near, axis=1).ravel()).reshape((count, TAGS_PER_ITEM)).arr.to_list()
        yield pl.DataFrame(
            {
                "item_id": np.arange(block.start, block.stop, dtype=np.int32),
                "category": categories.gather(category),
                "price": truth.price[block],
                "tags": tags,
                "arrived": pl.Series(truth.arrived[block]).cast(pl.Datetime("us", "UTC")),
            }
        )
