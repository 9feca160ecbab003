"""Visual search: retrieval quality, throughput of embedding, latency of search, hostile uploads, a changing catalogue.

Parts (``--part``, several; default all): quality, embedding, latency, hostile, changes. The pictures are the
Grocery Store Dataset (SHORTLIST_DATA/grocery): test photos search among train photos and studio pictures. Nothing
is chosen by looking at the test part.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from benchmarks.form import Report, run
from shortlist.base.settings import data_folder

PARTS = ("quality", "embedding", "latency", "hostile", "changes")
MILLION = 1_000_000


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--data", default="grocery", choices=["grocery"], help="the pictures")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; repeatable")
    parser.add_argument(
        "--backbone", action="store_true", help="quality: also tune the backbone (half an hour)"
    )
    parser.add_argument("--vectors", type=int, default=MILLION, help="latency: size of the index")


def measure(report: Report, options: Namespace) -> None:
    folder = data_folder()
    if folder is None:
        sys.exit("set SHORTLIST_DATA to the folder that holds grocery/")
    parts = options.part or PARTS
    if "quality" in parts:
        from benchmarks.visual.quality import quality

        quality(report, folder / "grocery", quick=options.quick, backbone=options.backbone)
    if "embedding" in parts:
        from benchmarks.visual.embedding import embedding, memory

        few, many = (200, MILLION // 50) if options.quick else (1000, MILLION)
        embedding(report, folder / "grocery", few)
        memory(report, folder / "grocery", few, many)
    if "latency" in parts:
        from benchmarks.visual.latency import latency

        vectors, requests = (50_000, 200) if options.quick else (options.vectors, 1000)
        with tempfile.TemporaryDirectory() as scratch:
            latency(report, folder / "grocery", Path(scratch), vectors, requests)
    from benchmarks.visual.server import changes, hostile_uploads

    if "hostile" in parts:
        hostile_uploads(report, 100 if options.quick else 500)
    if "changes" in parts:
        changes(report, 200 if options.quick else 2000)


if __name__ == "__main__":
    sys.exit(run("visual", measure, options=options, about=__doc__))
