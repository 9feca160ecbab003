"""Rows of a store as frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from shortlist.base.columns import AT, AVAILABLE_AT, CONTEXT, EVENT, EVENT_ID, ITEM, USER, VALUE

EVENT_FRAME = pl.Schema(
    {
        EVENT_ID: pl.String(),
        EVENT: pl.String(),
        USER: pl.String(),
        ITEM: pl.String(),
        AT: pl.Int64(),
        VALUE: pl.Float32(),
        CONTEXT: pl.String(),
        AVAILABLE_AT: pl.Int64(),
    }
)
_EXPOSURES = pl.Schema(
    {
        "request": pl.String(),
        "release": pl.Int64(),
        "kind": pl.String(),
        USER: pl.String(),
        AT: pl.Int64(),
        ITEM: pl.List(pl.String()),
    }
)


def exposure_frame(rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Exposures (their fields, in order), one row per shown item with its place in the slate, from 1."""
    frame = pl.DataFrame(rows, schema=_EXPOSURES, orient="row")
    place = pl.int_ranges(1, pl.col(ITEM).list.len() + 1).alias("place")
    return frame.with_columns(place).explode(ITEM, "place")
