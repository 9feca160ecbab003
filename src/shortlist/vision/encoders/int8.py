"""Static quantisation to 8-bit integers, kept where it is faster and changes few neighbours."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from shortlist.base.optional import require
from shortlist.base.types import Floats, Picture
from shortlist.vision.encoders.onnx_encoder import BATCH, OnnxEncoder
from shortlist.vision.encoders.prepare import Squares

CALIBRATION = 128  # pictures that the ranges of activations are calibrated on
EVALUATION = 1000  # pictures on which the two are compared
NEIGHBOURS = 10  # nearest pictures of each that should stay so
TIMING_ROUNDS = 5  # the two take turns
QUANTISED_LAYERS = ["Conv", "Gemm", "MatMul"]  # the others take little time


def quantised_encoder(
    encoder: OnnxEncoder, pictures: Sequence[Picture], *, tolerance: float = 0.05, gain: float = 1.1
) -> OnnxEncoder:
    """The encoder with 8-bit integers, if it is ``gain`` times as fast here and keeps the neighbours.

    Of each picture's ten nearest others at most the share ``tolerance`` may differ. What was measured stands in
    ``facts["int8"]`` of what is returned, which is ``encoder`` where it lost. Static quantisation, per channel
    (Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", CVPR 2018). Needs the package ``onnx``.
    """
    squares = encoder.preparation(pictures[:EVALUATION])
    small = OnnxEncoder(_quantised(encoder.model, squares[:CALIBRATION]), encoder.preparation, encoder.facts)
    exact, quantised = _vectors(encoder, squares), _vectors(small, squares)
    facts = {
        "cosine": round(float((exact * quantised).sum(axis=1).mean()), 4),
        "neighbours kept": round(_neighbours_kept(exact, quantised), 4),
        "speed-up": round(_speed(encoder, small, squares[:1]), 2),
    }
    good = facts["neighbours kept"] >= 1 - tolerance and facts["speed-up"] >= gain
    chosen = small if good else encoder
    facts_of_both = {**encoder.facts, "int8": {"used": good, **facts}}
    return OnnxEncoder(chosen.model, chosen.preparation, facts_of_both, threads=encoder.threads)


def _quantised(model: bytes, squares: Squares) -> bytes:
    tools: Any = require("onnxruntime.quantization", extra="vision-train", why="encoders of 8-bit integers")

    class Reader(tools.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left: Iterator[int] = iter(range(0, len(squares), BATCH))

        def get_next(self) -> dict[str, Squares] | None:
            first = next(self.left, None)
            return None if first is None else {"pictures": squares[first : first + BATCH]}

    with tempfile.TemporaryDirectory(prefix="shortlist-int8-") as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(model)
        logging.disable(logging.WARNING)  # advice about preprocessing that is done already
        try:
            tools.quantize_static(
                before,
                after,
                Reader(),
                quant_format=tools.QuantFormat.QDQ,
                activation_type=tools.QuantType.QUInt8,
                weight_type=tools.QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=QUANTISED_LAYERS,
            )
        finally:
            logging.disable(logging.NOTSET)
        return after.read_bytes()


def _vectors(encoder: OnnxEncoder, squares: Squares) -> Floats:
    firsts = range(0, len(squares), BATCH)
    return np.concatenate([encoder.run(squares[first : first + BATCH]) for first in firsts])


def _neighbours_kept(exact: Floats, quantised: Floats) -> float:
    """The share of each picture's nearest others that stay among its nearest."""
    count = min(NEIGHBOURS, len(exact) - 1)
    if count < 1:
        return 1.0
    near = []
    for vectors in (exact, quantised):
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        near.append(np.argpartition(-scores, count - 1, axis=1)[:, :count])
    both = (near[0][:, :, None] == near[1][:, None, :]).any(axis=2)
    return float(both.mean())


def _speed(exact: OnnxEncoder, small: OnnxEncoder, squares: Squares) -> float:
    """How many times as fast ``small`` encodes one picture on one thread, as a server does."""
    ratios = []
    for _ in range(TIMING_ROUNDS):
        times = []
        for encoder in (exact, small):
            started = time.perf_counter()
            for _ in range(4):
                encoder.run(squares)
            times.append(time.perf_counter() - started)
        ratios.append(times[0] / times[1])
    return median(ratios)
