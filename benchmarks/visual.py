"""Visual search: how well it finds, how fast it embeds and searches, and what hostile uploads and changes do to it.

Parts (``--part``, several; default all): quality, embedding, latency, hostile, changes. The pictures are the
Grocery Store Dataset (SHORTLIST_DATA/grocery): test photos search among train photos and studio pictures. Nothing
is chosen by looking at the test part.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from benchmarks.form import Report, child, interleaved, ratio, run
from shortlist import EfficientNetLite0
from shortlist.base.settings import data_folder
from shortlist.base.types import Floats, Picture
from shortlist.testing.colours import Colours
from shortlist.vision.encoders.embed import embed, embed_batches
from shortlist.vision.encoders.onnx_encoder import BATCH, OnnxEncoder, all_cores
from shortlist.vision.encoders.vector_cache import VectorCache
from shortlist.vision.images.album import Album
from shortlist.vision.images.collect import collect
from shortlist.vision.images.decode import decode

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
        memory(
            report,
            folder / "grocery",
            200 if options.quick else 1000,
            MILLION // (50 if options.quick else 1),
        )
    if "latency" in parts:
        from benchmarks._visual_latency import latency

        vectors, requests = (50_000, 200) if options.quick else (options.vectors, 1000)
        with tempfile.TemporaryDirectory() as scratch:
            latency(report, folder / "grocery", Path(scratch), vectors, requests)
    from benchmarks._visual_server import changes, hostile_uploads

    if "hostile" in parts:
        hostile_uploads(report, 100 if options.quick else 500)
    if "changes" in parts:
        changes(report, 200 if options.quick else 2000)


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


def streamed(folder: Path, count: int, cheap: bool) -> int:
    """Embed ``count`` different names of the same few photos, and forget the vectors; how many came."""
    encoder = Colours().fit() if cheap else EfficientNetLite0().fit()
    pictures = Repeated([(folder / name).read_bytes() for name in photos(folder, "test")[:500]], cheap)
    hashes = [f"{number:064x}" for number in range(count)]
    with tempfile.TemporaryDirectory() as scratch:
        cache = VectorCache(Path(scratch), encoder.fingerprint, encoder.embedding_size)
        came = sum(len(some) for _, some in embed_batches(encoder, pictures, hashes, cache))
        cache.close()
    return came


class Repeated:
    """A few photos under any number of names; read from their bytes each time, or once where that is too slow."""

    def __init__(self, files: list[bytes], once: bool) -> None:
        self.files = files
        self.ready = [decode(data, side=32) for data in files] if once else None

    def read(self, hash: str) -> Picture:
        place = int(hash, 16) % len(self.files)
        return self.ready[place] if self.ready else decode(self.files[place], side=320)


def memory(report: Report, folder: Path, few: int, many: int) -> None:
    """Peak memory does not grow with the number of pictures; a million stream through a quick encoder."""
    peaks = {}
    for count, cheap in ((few, False), (8 * few, False), (many, True)):
        report.say(f"streaming {count:,} pictures")
        seen = child(streamed, folder, count, cheap)
        assert seen.value == count
        encoder = "mean colours" if cheap else "EfficientNet-Lite0"
        peaks[count] = seen.peak
        report.row(
            what=f"{count:,} streamed, {encoder}",
            peak_gib=seen.peak / 2**30,
            pictures_per_s=count / seen.seconds,
        )
    report.claim(
        "peak memory of 8 times the pictures, to once", peaks[8 * few] / peaks[few], "x", at_most=1.1
    )
    report.claim(f"peak memory of {many:,} pictures", peaks[many] / 2**30, "GiB", at_most=2)


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
