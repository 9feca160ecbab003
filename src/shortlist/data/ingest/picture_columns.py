"""Picture columns: the pictures that a catalogue names into the home's album, the others rejected with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from shortlist.base.items import PICTURES
from shortlist.base.optional import require
from shortlist.base.progress import Progress
from shortlist.data.ingest.report import PicturesReport
from shortlist.data.reading.parsing import fast_key
from shortlist.system.entity import Image
from shortlist.vision.images.album import Album
from shortlist.vision.images.collect import Outcome, collect
from shortlist.vision.images.duplicates import near_duplicates


@dataclass(frozen=True)
class CollectedPictures:
    """The pictures of one attribute."""

    column: pl.Series  # PICTURES: the distinct content hashes of each item, in the order of its sources
    rejected: pl.DataFrame  # columns file, row, reason, item, attribute, source
    report: PicturesReport


def picture_sources(attribute: Image, cells: pl.Series, folders: pl.Series) -> pl.Series:
    """The sources in each cell, a list: bytes, addresses, or paths that start from the cell's folder."""
    kind = cells.dtype
    inner = kind.inner if isinstance(kind, pl.List | pl.Array) else kind
    if inner == pl.Binary:
        lists = (
            cells.cast(PICTURES) if kind.is_nested() else cells.to_frame().select(pl.concat_list(cells.name))
        )
        return lists if isinstance(lists, pl.Series) else lists.to_series()
    if kind.is_nested():
        lists = cells.cast(pl.List(pl.String), strict=False)
    else:
        lists = cells.to_frame().select(fast_key(cells.name, kind).str.split(attribute.separator)).to_series()
    flat = pl.DataFrame({"source": lists, "folder": folders}).with_row_index("index").explode("source")
    source = pl.col("source").str.strip_chars()
    whole = source.str.contains(r"^(https?:/)?/")
    sources = flat.filter(source != "").select(
        "index", pl.when(whole).then(source).otherwise(pl.format("{}/{}", "folder", source)).alias("source")
    )
    return _lists(sources, "source", len(cells), pl.List(pl.String))


def collect_pictures(album: Album, name: str, sources: pl.DataFrame, progress: Progress) -> CollectedPictures:
    """Collect the pictures of the attribute ``name``; ``sources`` has one row per item.

    Its columns are file, row, item and source, the latter a list. Raises MissingExtraError without Pillow.
    """
    require("PIL", extra="vision", why=f"reading the pictures of {name!r}")
    flat = sources.with_row_index("index").explode("source").filter(pl.col("source").is_not_null())
    wanted = flat["source"].unique(maintain_order=True)
    with progress.step(f"reading pictures: {name}", len(wanted), "pictures") as step:
        outcomes = collect(album, wanted, step.advance)
    results = pl.DataFrame(
        {
            "source": wanted,
            "hash": pl.Series([each.hash for each in outcomes], dtype=pl.String).str.decode("hex"),
            "reason": pl.Series([each.reason for each in outcomes], dtype=pl.String),
        }
    )
    flat = flat.join(results, on="source", how="left", maintain_order="left")
    good, rejected = flat.filter(pl.col("hash").is_not_null()), flat.filter(pl.col("hash").is_null())
    shown = (
        pl.col("source")
        if flat.schema["source"] == pl.String
        else pl.format("{} bytes", pl.col("source").bin.size())
    )
    return CollectedPictures(
        _lists(good.unique(["index", "hash"], maintain_order=True), "hash", len(sources), PICTURES).alias(
            name
        ),
        rejected.select(
            "file", "row", "reason", "item", pl.lit(name).alias("attribute"), shown.alias("source")
        ),
        _report(album, name, outcomes),
    )


def _report(album: Album, name: str, outcomes: Iterable[Outcome]) -> PicturesReport:
    outcomes = list(outcomes)
    hashes = [each.hash for each in outcomes if each.hash]
    kept = pl.DataFrame({"hash": hashes}, schema={"hash": pl.String}).unique()
    perceptual_hash = kept.join(album.facts(), on="hash", how="inner")["perceptual_hash"].to_numpy()
    reasons = pl.Series([each.reason for each in outcomes if each.reason], dtype=pl.String)
    return PicturesReport(
        attribute=name,
        added=sum(each.fresh and each.hash is not None for each in outcomes),
        unchanged=sum(not each.fresh and each.hash is not None for each in outcomes),
        quarantined=dict(reasons.value_counts(sort=True).iter_rows()),
        copies=len(hashes) - len(kept),
        near_duplicates=len(perceptual_hash) - len(np.unique(near_duplicates(perceptual_hash))),
    )


def _lists(flat: pl.DataFrame, column: str, count: int, kind: pl.DataType | type[pl.DataType]) -> pl.Series:
    """The values of ``column`` by their index, one list for each of ``count`` rows."""
    rows = pl.DataFrame({"index": np.arange(count, dtype=np.uint32)})
    lists = flat.group_by("index", maintain_order=True).agg(column)
    joined = rows.join(lists, on="index", how="left", maintain_order="left")
    return joined.select(pl.col(column).fill_null([]).cast(kind)).to_series()
