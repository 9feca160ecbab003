"""Visual search: how well it finds, how fast it embeds and searches, and what hostile uploads and changes do to it.

Parts (``--part``, several; default all): quality, embedding, latency, hostile, changes. The pictures are the
Grocery Store Dataset (SHORTLIST_DATA/grocery): test photos search among train photos and studio pictures. Nothing
is chosen by looking at the test part.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Self

import numpy as np
import polars as pl

from benchmarks.form import Report, interleaved, ratio, run
from shortlist import EfficientNetLite0
from shortlist.base.histories import Histories
from shortlist.base.queries import Allowed, Queries, Ragged, Sought
from shortlist.base.settings import data_folder
from shortlist.base.threads import one_thread
from shortlist.base.types import Floats, Picture
from shortlist.retrieval.index import VectorIndex
from shortlist.retrieval.visual import FittedVisual
from shortlist.system.contracts import FittedEncoder
from shortlist.vision.album import Album
from shortlist.vision.collect import collect
from shortlist.vision.decode import decode
from shortlist.vision.embed import embed
from shortlist.vision.onnx_encoder import BATCH, OnnxEncoder, all_cores

PARTS = ("quality", "embedding", "latency", "hostile", "changes")
MILLION = 1_000_000


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--data", default="grocery", choices=["grocery"], help="the pictures")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may come several times")
    parser.add_argument(
        "--backbone", action="store_true", help="quality: also tune the backbone (half an hour)"
    )
    parser.add_argument("--vectors", type=int, default=MILLION, help="latency: how many are searched")


def measure(report: Report, options: Namespace) -> None:
    folder = data_folder()
    if folder is None:
        sys.exit("set SHORTLIST_DATA to the folder that holds grocery/")
    parts = options.part or PARTS
    if "quality" in parts:
        from benchmarks._visual_quality import quality

        quality(report, folder / "grocery", quick=options.quick, backbone=options.backbone)
    if "embedding" in parts:
        embedding(report, folder / "grocery", 200 if options.quick else 1000)
    if "latency" in parts:
        latency(report, folder / "grocery", 50_000 if options.quick else options.vectors)
    from benchmarks._visual_server import changes, hostile_uploads

    if "hostile" in parts:
        hostile_uploads(report, 100 if options.quick else 500)
    if "changes" in parts:
        changes(report, 200 if options.quick else 2000)


class Files:
    """Photos on disk by their names, read as a catalogue's are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, hash: str) -> Picture:
        return decode((self.folder / hash).read_bytes(), side=320)


def photos(folder: Path, part: str) -> list[str]:
    """File names of a part of the data set."""
    return pl.read_csv(folder / "photos.csv").filter(pl.col("part") == part)["image"].to_list()


def embedding(report: Report, folder: Path, count: int) -> None:
    """From files to vectors against the bare model on squares that are ready, in turns; then memory of many."""
    encoder = EfficientNetLite0().fit()
    with tempfile.TemporaryDirectory() as scratch:
        album = Album(Path(scratch) / "album")
        names = photos(folder, "test")[:count]
        hashes = [each.hash for each in collect(album, [str(folder / name) for name in names]) if each.hash]
        squares = encoder.preparation([album.read(hash) for hash in hashes])
        workers = OnnxEncoder(encoder.model, encoder.preparation, threads=all_cores())

        def bare() -> None:
            for first in range(0, len(squares), BATCH):
                workers.run(squares[first : first + BATCH])

        rounds = iter(range(100))

        def ours() -> None:
            from shortlist.vision.vector_cache import VectorCache

            cache = VectorCache(
                Path(scratch) / f"vectors{next(rounds)}", encoder.fingerprint, encoder.embedding_size
            )
            embed(encoder, album, hashes, cache=cache)
            cache.close()

        times = interleaved({"bare ONNX Runtime, decoded": bare, "files to vectors": ours}, repeats=3)
    report.sizes["pictures embedded"] = len(hashes)
    for name, seconds in times.items():
        report.row(what=name, pictures_per_s=len(hashes) / median(seconds))
    share = ratio(times, "bare ONNX Runtime, decoded", "files to vectors")
    report.claim("embedding throughput, to bare ONNX Runtime on decoded pictures", share, "x", at_least=0.7)


def latency(report: Report, folder: Path, count: int) -> None:
    """A photo in, a page of results out, at ``count`` vectors: synthetic ones around real ones."""
    encoder = Narrow(EfficientNetLite0().fit())
    files = [(folder / name).read_bytes() for name in photos(folder, "test")[:300]]
    real = encoder.encode([decode(data, side=320) for data in files])
    vectors = around(real, count)
    report.say(f"building an index of {count:,} vectors")
    index = VectorIndex.build(vectors, np.arange(count), sample=real)
    source = FittedVisual("photo", encoder, index)
    allowed = Allowed(np.ones(count, bool), Ragged.of([[]]))
    spent: dict[str, list[float]] = {"decode": [], "encode": [], "search": []}
    from time import perf_counter

    with one_thread():
        for data in files * (1 if count < MILLION else 2):
            start = perf_counter()
            picture = decode(data, side=320)
            decoded = perf_counter()
            asked = source.encode(Queries(Histories.empty(1), np.array([1]), None, Sought.of([picture])))
            encoded = perf_counter()
            found = source.search(asked, 100, allowed)
            source.score(asked, found.rows, found.items)
            done = perf_counter()
            for name, ms in zip(spent, (decoded - start, encoded - decoded, done - encoded), strict=True):
                spent[name].append(ms * 1000)
    report.sizes["vectors searched"] = count
    report.sizes["index"] = index.about
    for name, each in spent.items():
        report.row(what=name, p50_ms=np.quantile(each, 0.5), p99_ms=np.quantile(each, 0.99))
    rest = np.array(spent["decode"]) + np.array(spent["search"])
    whole = rest + np.array(spent["encode"])
    report.row(what="all", p50_ms=np.quantile(whole, 0.5), p99_ms=np.quantile(whole, 0.99))
    report.claim("share of the encoder", float(np.median(np.array(spent["encode"]) / whole)), "")
    report.claim("p99 of all but the encoder", float(np.quantile(rest, 0.99)), "ms", at_most=10)


class Narrow(FittedEncoder):
    """Another encoder's vectors in 256 numbers, as many as tuned ones have, by a fixed random projection."""

    def __init__(self, wide: FittedEncoder) -> None:
        rng = np.random.default_rng(0)
        self.wide, self.embedding_size, self.fingerprint = wide, 256, wide.fingerprint
        self.axes = rng.standard_normal((wide.embedding_size, 256), dtype=np.float32)

    def encode(self, pictures: Sequence[Picture]) -> Floats:
        narrow = self.wide.encode(pictures) @ self.axes
        vectors: Floats = narrow / np.linalg.norm(narrow, axis=1, keepdims=True)
        return vectors

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError


def around(real: Floats, count: int) -> Floats:
    """``count`` unit vectors, each near one of ``real``."""
    rng = np.random.default_rng(0)
    made = np.empty((count, real.shape[1]), np.float32)
    for first in range(0, count, 50_000):
        some = real[rng.integers(0, len(real), min(50_000, count - first))]
        near = some + rng.standard_normal(some.shape, dtype=np.float32) * (0.5 / np.sqrt(real.shape[1]))
        made[first : first + len(some)] = near / np.linalg.norm(near, axis=1, keepdims=True)
    return made


if __name__ == "__main__":
    sys.exit(run("visual", measure, options=options, about=__doc__))
