"""The embedding part of `benchmarks.visual`: pictures a second from files to vectors, and memory of many."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.form import Report, child, interleaved, ratio
from shortlist import EfficientNetLite0
from shortlist.base.types import Picture
from shortlist.testing.colours import Colours
from shortlist.vision.encoders.embed import embed, embed_batches
from shortlist.vision.encoders.onnx_encoder import BATCH, OnnxEncoder, all_cores
from shortlist.vision.encoders.vector_cache import VectorCache
from shortlist.vision.images.album import Album
from shortlist.vision.images.collect import collect
from shortlist.vision.images.decode import decode


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
    """Embed ``count`` different names of the same few photos, dropping the vectors; their number."""
    encoder = Colours().fit() if cheap else EfficientNetLite0().fit()
    pictures = Repeated([(folder / name).read_bytes() for name in photos(folder, "test")[:500]], cheap)
    hashes = [f"{number:064x}" for number in range(count)]
    with tempfile.TemporaryDirectory() as scratch:
        cache = VectorCache(Path(scratch), encoder.fingerprint, encoder.embedding_size)
        embedded_count = sum(len(some) for _, some in embed_batches(encoder, pictures, hashes, cache))
        cache.close()
    return embedded_count


class Repeated:
    """A few photos under any number of names; read from their bytes each time, or once where that is too slow."""

    def __init__(self, files: list[bytes], once: bool) -> None:
        self.files = files
        self.ready = [decode(data, side=32) for data in files] if once else None

    def read(self, hash: str) -> Picture:
        index = int(hash, 16) % len(self.files)
        return self.ready[index] if self.ready else decode(self.files[index], side=320)


def memory(report: Report, folder: Path, few: int, many: int) -> None:
    """Peak memory does not grow with the number of pictures; a million stream through a quick encoder."""
    peaks = {}
    for count, cheap in ((few, False), (8 * few, False), (many, True)):
        report.progress(f"streaming {count:,} pictures")
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
