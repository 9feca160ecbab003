"""The quality part of `benchmarks.visual`: test photos search among train photos, and among studio pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.form import Report
from shortlist import EfficientNetLite0, FineTune
from shortlist.base.queries import Allowed, Ragged
from shortlist.base.types import AnyArray, Floats, Picture
from shortlist.index import SegmentedIndex
from shortlist.system.contracts import FittedEncoder
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder, all_cores
from shortlist.vision.images.decode import decode
from shortlist.vision.tuning.tune import tune

SIDE = 320
SHARE = 0.75  # of the shorter side, which did best on the validation photos: products are photographed in the middle


@dataclass(frozen=True)
class Part:
    """Photos and the product of each."""

    pictures: list[Picture]
    products: AnyArray

    @classmethod
    def read(cls, folder: Path, table: pl.DataFrame) -> Part:
        files = [(folder / name).read_bytes() for name in table["image"]]
        return cls([decode(data, side=SIDE) for data in files], table["product_id"].to_numpy())


def quality(report: Report, folder: Path, *, quick: bool, backbone: bool) -> None:
    """Zero-shot, raw through plain numpy, and tuned. Validation photos choose the epoch; test photos choose nothing."""
    photos = pl.read_csv(folder / "photos.csv")
    parts = {
        name: Part.read(folder, photos.filter(pl.col("part") == name)) for name in ("train", "val", "test")
    }
    if quick:
        parts["test"] = Part(parts["test"].pictures[::8], parts["test"].products[::8])
    studio = Part.read(folder, pl.read_csv(folder / "products.csv"))
    report.sizes |= {name: len(part.pictures) for name, part in parts.items()} | {"studio": 81}
    bare = EfficientNetLite0().fit()
    evaluate(report, "zero-shot", bare, parts, studio)
    plain(report, bare, parts)
    wider = EfficientNetLite0(crop_share=SHARE)
    evaluate(report, f"zero-shot, {SHARE:.0%} of the side", wider.fit(), parts, studio)
    pictures = parts["train"].pictures + parts["val"].pictures
    labels = np.concatenate([parts["train"].products, parts["val"].products])
    validation = np.arange(len(pictures)) >= len(parts["train"].pictures)
    for name, fine_tune in variants(quick=quick, backbone=backbone).items():
        report.progress(f"tuning: {name}")
        start = time.perf_counter()
        tuned, summary = tune(wider, fine_tune, pictures, labels=labels, validation=validation)
        report.progress(str(summary))
        recall = evaluate(report, name, tuned, parts, studio, minutes=(time.perf_counter() - start) / 60)
        bar = 0.85 if name == list(variants(quick=quick, backbone=backbone))[-1] and not quick else None
        report.claim(f"Recall@1 of test photos, {name}", recall, "", at_least=bar)


def variants(*, quick: bool, backbone: bool) -> dict[str, FineTune]:
    """How the encoder is tuned."""
    head = FineTune(by="product", augmentations=2 if quick else 10)
    return {"head tuned": head} | (
        {"backbone tuned": FineTune(by="product", backbone=True)} if backbone else {}
    )


def evaluate(
    report: Report,
    name: str,
    encoder: FittedEncoder,
    parts: dict[str, Part],
    studio: Part,
    minutes: float | None = None,
) -> float:
    """Recall@1 of test photos among train photos, and a row with the rest."""
    fast = encoder.using(all_cores()) if isinstance(encoder, OnnxEncoder) else encoder
    queries = fast.encode(parts["test"].pictures)
    among = hits(
        fast.encode(parts["train"].pictures), parts["train"].products, queries, parts["test"].products
    )
    shown = hits(fast.encode(studio.pictures), studio.products, queries, parts["test"].products)
    report.row(
        encoder=name,
        recall_1=among[:, 0].mean(),
        recall_5=among[:, :5].any(axis=1).mean(),
        precision_10=among[:, :10].mean(),
        studio_recall_1=shown[:, 0].mean(),
        studio_recall_5=shown[:, :5].any(axis=1).mean(),
        minutes=minutes,
    )
    return float(among[:, 0].mean())


def hits(indexed: Floats, products: AnyArray, queries: Floats, expected: AnyArray) -> AnyArray:
    """Whether each of the ten nearest is of the product of the query, bool[queries, 10]."""
    index = SegmentedIndex.build(indexed, np.arange(len(indexed)))
    allowed = Allowed(np.ones(len(indexed), bool), Ragged.from_lists([[]] * len(queries)))
    nearest = index.search(queries, 10, allowed).items.reshape(len(queries), 10)
    right: AnyArray = products[nearest] == expected[:, None]
    return right


def plain(report: Report, encoder: OnnxEncoder, parts: dict[str, Part]) -> None:
    """The same model through ONNX Runtime and numpy alone: its own preparation, its own search."""
    import onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession(encoder.model, providers=["CPUExecutionProvider"])
    side = session.get_inputs()[0].shape[1]

    def vectors(pictures: list[Picture]) -> Floats:
        rows = []
        for picture in pictures:
            image = Image.fromarray(picture)
            scale = side / 0.875 / min(image.size)
            image = image.resize(
                (round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC
            )
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = np.asarray(image.crop((left, top, left + side, top + side)))
            rows.append(session.run(None, {session.get_inputs()[0].name: square[None]})[0][0])
        return np.array(rows)

    scores = vectors(parts["test"].pictures) @ vectors(parts["train"].pictures).T
    nearest = np.argsort(-scores, axis=1)[:, :10]
    right = parts["train"].products[nearest] == parts["test"].products[:, None]
    report.row(
        encoder="raw, plain numpy",
        recall_1=right[:, 0].mean(),
        recall_5=right[:, :5].any(axis=1).mean(),
        precision_10=right.mean(),
    )
