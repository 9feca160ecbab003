"""The vector index at a million vectors: recall, search under filters, changes while it serves, memory.

Vectors lie in clusters of about 200, in 48 of their dimensions, with noise in all. In the same rounds: bare
faiss with the index's own lists and nothing else (no floats, a bitmap prepared before), and a bare numpy scan.
On a machine that others use too, times of the clock are no measure of the slowest: claims are about time of the
processor, in one thread.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time

import numpy as np

from benchmarks.form import Report, child, interleaved, run
from shortlist.base.queries import Allowed, Ragged
from shortlist.base.threads import one_thread
from shortlist.base.types import AnyArray, Floats, Mask
from shortlist.index import SegmentedIndex
from shortlist.index.sq8 import encode_sq8, faiss

LATENT, EACH = 48, 200  # dimensions that matter, vectors of a cluster
QUERIES, ROUNDS = 200, 400
CHANGES = 2000
NO_HIDDEN = Ragged.from_lists([[]])


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=256, help="numbers in a vector")


def clustered(rng: np.random.Generator, count: int, size: int) -> tuple[Floats, AnyArray]:
    """Vectors of length 1 and their clusters."""
    centres = rng.normal(size=(count // EACH, LATENT)).astype(np.float32)
    spread = rng.normal(size=(LATENT, size)).astype(np.float32) / LATENT**0.5
    cluster = rng.integers(0, len(centres), count)
    vectors = np.empty((count, size), np.float32)
    for first in range(0, count, 50_000):
        some = cluster[first : first + 50_000]
        near = centres[some] + 0.6 * rng.standard_normal((len(some), LATENT), np.float32)
        block = near @ spread + 0.15 * rng.standard_normal((len(some), size), np.float32)
        vectors[first : first + len(some)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors, cluster


def best_of(vectors: Floats, queries: Floats, n: int, shared: Mask) -> AnyArray:
    """The true best, int64[queries, n], a few queries at a time."""
    open_ = np.flatnonzero(shared)
    best = []
    for query in queries:
        scores = (vectors @ query)[open_]
        best.append(open_[np.argpartition(-scores, n)[:n]])
    return np.stack(best)


def resident(folder: str, queries: Floats, count: int) -> tuple[float, float, float]:
    """Megabytes of its own and mapped that a process holds for a loaded index, and the seconds of loading it."""
    before = _memory()
    start = perf_counter()
    index = SegmentedIndex.load(Path(folder))
    took = perf_counter() - start
    allowed = Allowed(np.ones(count, bool), NO_HIDDEN)
    for query in queries:
        index.search(query[None], 100, allowed)
    after = _memory()
    return after[0] - before[0], after[1] - before[1], took


def _memory() -> tuple[float, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return kilobytes["RssAnon"] / 1024, kilobytes["RssFile"] / 1024


def measure(report: Report, options: Namespace) -> None:
    if options.quick:
        options.vectors, options.size = 120_000, 128
    count, size = options.vectors, options.size
    report.sizes |= {"vectors": count, "size": size}
    rng = np.random.default_rng(0)
    report.progress("making vectors")
    drawn, cluster = clustered(rng, count + QUERIES, size)
    vectors, queries, cluster = drawn[:count], drawn[count:], cluster[:count]
    report.progress("building")
    start = perf_counter()
    index = SegmentedIndex.build(vectors, np.arange(count))
    report.row(what="build", seconds=perf_counter() - start)
    filters = {
        "all": np.ones(count, bool),
        "50%": rng.random(count) < 0.5,
        "10%": rng.random(count) < 0.1,
        "10%, whole clusters": cluster < count // EACH // 10,
        "1%": rng.random(count) < 0.01,
    }
    with one_thread():
        for name, shared in filters.items():
            for n in (100, 500):
                report.progress(f"searching {name} for {n}")
                _searches(report, index, vectors, queries, name, shared, n)
        _changes(report, index, queries, rng)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        index.save(Path(folder))
        own, mapped, took = child(resident, folder, queries, count + CHANGES).value
        on_disk = sum(file.stat().st_size for file in Path(folder).iterdir()) / 2**20
    report.row(what="load", seconds=took, own_mb=own, mapped_mb=mapped, disk_mb=on_disk)
    report.claim("bytes a vector on disk, to its floats", on_disk * 2**20 / (count * size * 4), "x")


def _searches(
    report: Report, index: SegmentedIndex, vectors: Floats, queries: Floats, name: str, shared: Mask, n: int
) -> None:
    best = best_of(vectors, queries, n, shared)
    allowed = Allowed(shared, NO_HIDDEN)
    share = []
    for query, mine in zip(queries, best, strict=True):
        share.append(np.isin(mine, index.search(query[None], n, allowed).items).mean())
    row = 0

    def scan() -> None:
        scores = vectors @ queries[row]
        scores[~shared] = -np.inf
        np.argpartition(scores, len(scores) - n)

    steps: dict[str, Callable[[], object]] = {"index": lambda: index.search(queries[row][None], n, allowed)}
    bare = _bare(index, queries, shared, n)
    if bare is not None:
        steps["faiss"] = lambda: bare(row)
    seconds: dict[str, list[float]] = {step: [] for step in steps}
    of_processor, scans = [], []
    for turn in range(ROUNDS):
        row = turn % QUERIES
        for step, took in interleaved(steps, 1).items():
            seconds[step] += took
        before = thread_time()
        steps["index"]()
        of_processor.append(thread_time() - before)
        if turn % 10 == 0:  # it is slow, and pushes everything else out of the cache
            scans += interleaved({"scan": scan}, 1)["scan"]
            for again in steps.values():
                again()
    p50, p99 = np.quantile(seconds["index"], [0.5, 0.99]) * 1e3
    cpu = float(np.quantile(of_processor, 0.99)) * 1e3
    beside = median(seconds["faiss"]) * 1e3 if bare else np.nan
    times = {"p50_ms": p50, "p99_ms": p99, "cpu_p99_ms": cpu, "faiss_ms": beside}
    recall = float(np.mean(share))
    report.row(what=f"search, {name}", n=n, recall=recall, **times, numpy_ms=median(scans) * 1e3)
    report.claim(f"recall of {n}, {name}", recall, at_least=0.95)
    report.claim(f"p99 of processor time for {n}, {name}", cpu, "ms", at_most=10.0)


def _bare(index: SegmentedIndex, queries: Floats, shared: Mask, n: int) -> Callable[[int], object] | None:
    """The library's own search of as many lists, without floats after it; None where lists are not used."""
    snapshot = index._snapshot
    ivf = snapshot.sealed.ivf
    plan = ivf.plan(n, snapshot.sealed, snapshot.allowed(shared)[0]) if ivf else None
    if ivf is None or plan is None:
        return None
    bits = np.packbits(shared, bitorder="little")
    chosen = None if shared.all() else faiss().IDSelectorBitmap(bits)
    parameters = faiss().SearchParametersIVF(nprobe=plan.probes, sel=chosen)
    coded = encode_sq8(queries, float(np.abs(queries).max()))
    return lambda row: (bits, ivf.index.search(coded[row : row + 1], n, params=parameters))


def _changes(report: Report, index: SegmentedIndex, queries: Floats, rng: np.random.Generator) -> None:
    """One at a time while another thread searches: what was added is there, what was deleted is gone."""
    report.progress("changing while another searches")
    first = len(index)
    vectors, _ = clustered(rng, CHANGES, index.size)
    everything = Allowed(np.ones(first + CHANGES, bool), NO_HIDDEN)
    finished = threading.Event()
    taken: list[float] = []

    def search() -> None:
        while not finished.is_set():
            start = perf_counter()
            index.search(queries[len(taken) % QUERIES][None], 100, everything)
            taken.append(perf_counter() - start)

    seconds: dict[str, list[float]] = {"add": [], "delete": []}
    wrong = 0
    searching = threading.Thread(target=search)
    searching.start()
    for change in range(CHANGES):
        new = np.array([first + change])
        start = perf_counter()
        index.add(vectors[change : change + 1], new)
        seconds["add"].append(perf_counter() - start)
        items = (
            index.search(vectors[change : change + 1], 3, everything).items.tolist()
            if change % 10 == 0
            else []
        )
        wrong += change % 10 == 0 and first + change not in items
        start = perf_counter()
        index.delete(np.array([change]))
        seconds["delete"].append(perf_counter() - start)
        if change % 10 == 0:
            _, gone = index.vectors(np.array([change], np.int32))
            wrong += len(gone) or change in index.search(queries[:1], 100, everything).items
    finished.set()
    searching.join()
    for name, took in seconds.items():
        p50, p99 = np.quantile(took, [0.5, 0.99]) * 1e3
        report.row(what=f"{name} one", p50_ms=p50, p99_ms=p99, per_second=1e3 / p50)
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1e3
    report.row(what="search, meanwhile", n=100, p50_ms=p50, p99_ms=p99)
    report.claim("searches that missed an added vector or returned a deleted one", wrong, at_most=0)


if __name__ == "__main__":
    sys.exit(run("vectors", measure, options=options, about=__doc__))
