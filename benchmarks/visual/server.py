"""Parts of `benchmarks.visual` that need a server: hostile uploads, and a changing catalogue."""

from __future__ import annotations

import base64
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import httpx
import numpy as np

from benchmarks.form import Report
from shortlist import Category, Entity, Image, Match, System, Table, Visual
from shortlist.base.users import NO_USERS
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.pipeline.release import save
from shortlist.server.server import running
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases
from shortlist.testing.colours import COLOURS, Colours, photo, shop
from shortlist.testing.pictures import hostile
from shortlist.training.fit import fit


@contextmanager
def shop_server() -> Iterator[str]:
    """A server of a small shop, in this process; its address."""
    system = System(
        name="shop",
        item=Entity("key", Table(shop()), photo=Image("file"), title="name", product=Category("product")),
        objectives=[Match("same product", by="product")],
        sources=[Visual(on="photo", encoder=Colours(), quota=100)],
    )
    with tempfile.TemporaryDirectory() as scratch:
        home = Home.open(Path(scratch) / "home")
        ingest(system, home, Path(scratch))
        data = load_dataset(system, home)
        pipeline = fit(system, data.items, data.histories).retrieval
        releases = Releases(home)
        releases.publish(
            releases.add(lambda folder: save(folder, system, pipeline, NO_USERS, data.histories, 0), {})
        )
        with running(home) as address:
            yield address


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def hostile_uploads(report: Report, count: int) -> None:
    """Each must get a clear 4xx, valid searches beside them must go on, and memory must not grow."""
    bad = list(islice((each for seed in range(10) for each in hostile(seed)), count))
    with shop_server() as address, httpx.Client(base_url=address, timeout=60) as client:
        valid = {"picture": text(photo("red", seed=9)), "n": 5}

        def searches(how_long: threading.Event) -> list[float]:
            spent = []
            with httpx.Client(base_url=address, timeout=60) as own:
                while not how_long.is_set():
                    start = time.perf_counter()
                    assert own.post("/v1/search", json=valid).status_code == 200
                    spent.append((time.perf_counter() - start) * 1000)
                    time.sleep(0.01)
            return spent

        alone = _while(searches, lambda: time.sleep(5))
        before = _memory()
        wrong: list[str] = []

        def attack() -> None:
            for name, data, reason in bad:
                answer = client.post("/v1/search/upload", files={"picture": ("photo", data)})
                if not 400 <= answer.status_code < 500 or reason not in answer.json().get("detail", ""):
                    wrong.append(f"{name}: {answer.status_code} {answer.text[:80]}")

        beside = _while(searches, attack)
        growth = _memory() - before
    report.sizes["hostile uploads"] = len(bad)
    for each in wrong[:5]:
        report.progress(each)
    report.claim("hostile uploads without a clear 4xx", len(wrong), "", at_most=0)
    report.row(what="valid searches alone", p50_ms=np.median(alone), p99_ms=np.quantile(alone, 0.99))
    report.row(what="beside hostile uploads", p50_ms=np.median(beside), p99_ms=np.quantile(beside, 0.99))
    report.claim(
        "p50 of valid searches beside hostile ones, to alone", np.median(beside) / np.median(alone), "x"
    )
    report.claim("growth of memory over hostile uploads", growth / 2**20, "MiB", at_most=500)


def changes(report: Report, count: int) -> None:
    """Photos are added and deleted while others search; each result must reflect the changes answered before it."""
    late: list[str] = []
    stale: list[str] = []
    delays: list[float] = []
    with shop_server() as address, httpx.Client(base_url=address, timeout=60) as client:
        colours = cycle(COLOURS)
        for number in range(count // 2):
            colour, key = next(colours), f"new-{number}"
            data = text(photo(colour, seed=10_000 + number, size=32))
            posted = {"item": key, "attributes": {"title": key}, "pictures": [data]}
            assert client.post("/v1/items", json=posted).status_code == 200
            answered = time.perf_counter()
            if number % 10 == 0:  # wait until a search returns it
                while not _finds(client, data, key):
                    if time.perf_counter() - answered > 10:
                        break
                    time.sleep(0.02)
                delays.append(time.perf_counter() - answered)
                if delays[-1] > 1:
                    late.append(key)
            if number >= 20:  # delete an older one
                gone = f"new-{number - 20}"
                assert client.delete(f"/v1/items/{gone}").status_code == 200
                old = text(
                    photo(list(COLOURS)[(number - 20) % len(COLOURS)], seed=10_000 + number - 20, size=32)
                )
                if _finds(client, old, gone):
                    stale.append(gone)
    report.sizes["photos added and deleted"] = count
    report.row(
        what="added to searchable", p50_ms=np.median(delays) * 1000, p99_ms=np.quantile(delays, 0.99) * 1000
    )
    report.claim("deleted photos in results", len(stale), "", at_most=0)
    report.claim("new photos not in results after a second", len(late), "", at_most=0)


def _finds(client: httpx.Client, data: str, key: str) -> bool:
    answer = client.post("/v1/search", json={"picture": data, "n": 1000})
    assert answer.status_code == 200, answer.text
    return any(entry["item"] == key for entry in answer.json()["items"])


def _memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _while(work, act) -> list[float]:  # type: ignore[no-untyped-def]
    """What ``work`` returns that runs in a thread until ``act`` is done."""
    done = threading.Event()
    results: list[float] = []
    thread = threading.Thread(target=lambda: results.extend(work(done)))
    thread.start()
    try:
        act()
    finally:
        done.set()
        thread.join()
    return results
