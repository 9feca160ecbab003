"""An encoder as ONNX Runtime runs it: one graph from bytes of pixels to unit vectors, and no torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from shortlist.base.errors import ReleaseError
from shortlist.base.files import read_json, write_bytes, write_json
from shortlist.base.optional import require
from shortlist.base.types import Floats, Picture
from shortlist.system.contracts import FittedEncoder
from shortlist.vision.encoders.prepare import Preparation, Squares

BATCH = 16  # pictures encoded together: more gains nothing on a CPU and takes memory
FORMAT = 1  # of the folder
MODEL, FACTS = "model.onnx", "encoder.json"
WHY = "encoding pictures"


class OnnxEncoder(FittedEncoder):
    """A graph (uint8[n, side, side, 3] to float32[n, embedding_size]) and the preparation that it was trained with.

    ``facts`` say where it came from and what was measured, for reports. ``threads``: what one call may use;
    servers answer many requests at once and keep 1, bulk work takes ``encoder.using(all_cores())``.
    """

    def __init__(
        self,
        model: bytes,
        preparation: Preparation,
        facts: Mapping[str, Any] | None = None,
        *,
        threads: int = 1,
    ) -> None:
        self.model, self.preparation, self.facts, self.threads = (
            model,
            preparation,
            dict(facts or {}),
            threads,
        )
        prepared = f"{preparation.side} {preparation.crop_share}".encode()
        self.fingerprint = hashlib.sha256(prepared + b"\0" + model).hexdigest()[:16]

    def encode(self, pictures: Sequence[Picture]) -> Floats:
        """Prepared and run, ``BATCH`` at a time."""
        parts = [
            self.run(self.preparation(pictures[first : first + BATCH]))
            for first in range(0, len(pictures), BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.embedding_size), np.float32)

    def run(self, squares: Squares) -> Floats:
        """Vectors of prepared pictures: the bare model."""
        vectors: Floats = self.session.run(None, {"pictures": squares})[0]
        return vectors

    @cached_property
    def embedding_size(self) -> int:  # type: ignore[override]
        """Numbers in a vector."""
        return int(self.session.get_outputs()[0].shape[1])

    @cached_property
    def session(self) -> Any:
        """ONNX Runtime's session, on a GPU where the installed runtime offers one."""
        runtime = require("onnxruntime", extra="vision", why=WHY)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # cores are shared with decoding
        options.log_severity_level = 3  # do not warn that there is no GPU
        available = runtime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
        return runtime.InferenceSession(self.model, options, providers=providers)

    def using(self, threads: int) -> OnnxEncoder:
        """The same encoder with that many threads to a call."""
        return type(self)(self.model, self.preparation, self.facts, threads=threads)

    def save(self, folder: Path) -> None:
        """The graph as ``model.onnx``, the rest as ``encoder.json``."""
        write_bytes(folder / MODEL, self.model)
        write_json(
            folder / FACTS,
            {
                "format": FORMAT,
                "fingerprint": self.fingerprint,
                "preparation": asdict(self.preparation),
                "facts": self.facts,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ReleaseError where the graph is not the one that was saved, or the folder is newer than this."""
        saved = read_json(folder / FACTS)
        if saved["format"] > FORMAT:
            raise ReleaseError(f"{folder} holds an encoder of a newer Shortlist: upgrade to read it")
        preparation = Preparation(**saved["preparation"])
        encoder = cls((folder / MODEL).read_bytes(), preparation, saved["facts"])
        if encoder.fingerprint != saved["fingerprint"]:
            raise ReleaseError(f"{folder / MODEL} is not the encoder that was saved there: publish it again")
        return encoder


def all_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
