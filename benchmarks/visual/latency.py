"""The latency part of `benchmarks.visual`: a photo in, a page of results out, over HTTP, among a million vectors.

The server is a process of its own with one worker: a tuned encoder, an index, a ranker. Photos arrive as a
Poisson process at half the rate that it can take. The items are synthetic around real ones: vectors near those of
train photos, with their attributes and pictures.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

from benchmarks.form import Report
from shortlist import (
    Category,
    EfficientNetLite0,
    Entity,
    FineTune,
    Image,
    LogisticRegression,
    Match,
    System,
    Table,
    Visual,
)
from shortlist.base.columns import ITEM
from shortlist.base.items import Items
from shortlist.base.types import Floats
from shortlist.base.users import NO_USERS
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.index import SegmentedIndex
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.release import save
from shortlist.pipeline.source_slot import SourceSlot
from shortlist.retrieval.visual import FittedVisual
from shortlist.server.server import serve
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases
from shortlist.training.fit import fit

START = 180.0  # seconds that the server gets to open a million items
CLIENTS = 4  # that ask without a pause while the most is measured
TimedAnswer = tuple[float, dict[str, Any]]  # milliseconds at the client, and the answer


def latency(report: Report, folder: Path, scratch: Path, count: int, requests: int) -> None:
    """The most that the server takes, then the times at half of that."""
    photos = pl.read_csv(folder / "photos.csv").filter(pl.col("part") == "test")["image"]
    files = [(folder / name).read_bytes() for name in photos.sample(300, seed=0)]
    home = Home.open(scratch / "home")
    index = published(report, home, folder, count)
    with served(home) as address, httpx.Client(base_url=address, timeout=60) as client:
        for data in files[:30]:
            ask(client, data)
        report.progress("measuring throughput")
        start = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(lambda data: ask(client, data), files))
        most = len(files) / (time.perf_counter() - start)
        report.progress(f"{most:.0f} photos a second; now half of that")
        seen = list(arriving(client, files, requests, most / 2))
    report.sizes |= {"vectors searched": count, "index": index, "photos a second at most": round(most, 1)}
    times = parts(seen)
    for name, ms in times.items():
        report.row(what=f"at half load: {name}", p50_ms=np.quantile(ms, 0.5), p99_ms=np.quantile(ms, 0.99))
    share = float(np.median(times["encoder"] / times["client, from arrival"]))
    report.claim("share of the encoder", share, "")
    report.claim(
        "p99 of all work but the encoder's, at half load",
        float(np.quantile(times["rest"], 0.99)),
        "ms",
        at_most=10,
    )


def parts(seen: Sequence[TimedAnswer]) -> dict[str, Floats]:
    """Where each request's time went, milliseconds. Waiting is for others' encoders, mostly: one core, one worker."""
    encoder, decoded, stages, server = [], [], [], []
    for _, answer in seen:
        ms = {each["stage"]: each["ms"] for each in answer["stages"]}
        encoder.append(ms.pop("encode"))
        decoded.append(ms.pop("read_picture"))
        stages.append(sum(ms.values()))
        server.append(answer["took_ms"])
    names = {"decode": decoded, "encoder": encoder, "search and ranking": stages}
    times = {name: np.array(each, np.float32) for name, each in names.items()}
    times["rest"] = times["decode"] + times["search and ranking"]
    whole = np.array(server, np.float32)
    times["waiting and middleware"] = whole - times["rest"] - times["encoder"]
    times["server"] = whole
    times["client, from arrival"] = np.array([ms for ms, _ in seen], np.float32)
    return times


def ask(client: httpx.Client, data: bytes, since: float | None = None) -> TimedAnswer:
    """One search; its milliseconds ``since`` then, or since now."""
    start = time.perf_counter() if since is None else since
    answer = client.post("/v1/search/upload", files={"picture": ("photo.jpg", data)})
    spent = (time.perf_counter() - start) * 1000
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["items"]
    return spent, body


def arriving(
    client: httpx.Client, files: Sequence[bytes], requests: int, rate: float
) -> Iterator[TimedAnswer]:
    """Searches as a Poisson process, ``rate`` a second, whether or not earlier ones are answered."""
    rng = np.random.default_rng(0)
    arrivals = time.perf_counter() + 0.1 + np.cumsum(rng.exponential(1 / rate, requests))

    def wait_and_search(index: int) -> TimedAnswer:
        time.sleep(max(arrivals[index] - time.perf_counter(), 0))
        return ask(client, files[index % len(files)], since=float(arrivals[index]))

    with ThreadPoolExecutor(32) as threads:
        yield from threads.map(wait_and_search, range(requests))


def published(report: Report, home: Home, folder: Path, count: int) -> str:
    """A release with ``count`` items, learned from the real ones; what its index is."""
    products = pl.read_csv(folder / "products.csv").select("product_id", "product", "group")
    photos = (
        pl.read_csv(folder / "photos.csv").filter(pl.col("part") == "train").join(products, on="product_id")
    )
    system = System(
        name="grocery",
        item=Entity(
            "image",
            Table(photos.with_columns(file=pl.lit(f"{folder}/") + pl.col("image"))),
            photo=Image("file"),
            title="product",
            product=Category("product"),
            kind=Category("group"),
        ),
        objectives=[Match("same product", by="product")],
        sources=[
            Visual(
                on="photo",
                encoder=EfficientNetLite0(crop_share=0.75),
                fine_tune=FineTune(by="product", augmentations=1, epochs=5),
                quota=100,
            )
        ],
        rankers=[LogisticRegression()],
    )
    report.progress("learning from the real photos")
    ingest(system, home, folder)
    data = load_dataset(system, home)
    (learned,) = fit(system, data.items, data.histories).rankers.values()
    report.progress(f"indexing {count:,} vectors around theirs")
    enlarged, about = among_many(learned, data.items, count)
    releases = Releases(home)
    releases.publish(releases.add(lambda f: save(f, system, enlarged, NO_USERS, data.histories, 0), {}))
    return about


def among_many(learned: Pipeline, items: Items, count: int) -> tuple[Pipeline, str]:
    """The pipeline over ``count`` items, and what the index of their vectors is."""
    (placed,) = learned.sources
    visual = placed.fitted
    assert isinstance(visual, FittedVisual)
    like = np.random.default_rng(1).integers(0, len(items), count - len(items))
    synthetic = items.table[like.tolist()].with_columns(
        pl.Series(ITEM, [f"synthetic-{number}" for number in range(len(like))])
    )
    more = Items(pl.concat([items.table, synthetic]), items.pictures)
    owners, real = visual.index.vectors(np.arange(len(items), dtype=np.int32))
    vectors = np.concatenate([real[np.argsort(owners)], around(real, len(like))])
    index = SegmentedIndex.build(vectors, np.arange(count, dtype=np.int32), sample=real)
    enlarged = replace(learned, sources=()).with_new_items(more, (), ())
    source = SourceSlot(placed.name, placed.quota, FittedVisual(visual.on, visual.encoder, index))
    return replace(enlarged, sources=(source,)), index.describe()


def around(real: Floats, count: int) -> Floats:
    """``count`` unit vectors, each near one of ``real``."""
    rng = np.random.default_rng(0)
    vectors = np.empty((count, real.shape[1]), np.float32)
    for first in range(0, count, 50_000):
        some = real[rng.integers(0, len(real), min(50_000, count - first))]
        near = some + rng.standard_normal(some.shape, dtype=np.float32) * (0.5 / np.sqrt(real.shape[1]))
        vectors[first : first + len(some)] = near / np.linalg.norm(near, axis=1, keepdims=True)
    return vectors


@contextmanager
def served(home: Home) -> Iterator[str]:
    """A server of ``home`` in a process of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = get_context("spawn").Process(target=_serve, args=(home, port), daemon=True)
    process.start()
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START
        while True:
            try:
                httpx.get(f"{address}/v1/search", timeout=5)
                break
            except httpx.TransportError:
                if time.monotonic() > end or not process.is_alive():
                    raise
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.join()


def _serve(home: Home, port: int) -> None:
    serve(home, port=port)
