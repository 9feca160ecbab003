"""Encoders tuned to a catalogue, kept between runs: tuning is slow, and evaluation asks for the same one again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import overload

import numpy as np

from shortlist.base.errors import ReleaseError
from shortlist.base.files import new_folder
from shortlist.base.items import Pictures
from shortlist.base.progress import SILENT, Progress
from shortlist.base.settings import cache_folder
from shortlist.base.types import AnyArray, Picture
from shortlist.system.contracts import Encoder, FittedEncoder
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder
from shortlist.vision.tuning.fine_tune import FineTune
from shortlist.vision.tuning.tune import tune


class Shown(Sequence[Picture]):
    """Kept pictures as a sequence that reads them when they are looked at."""

    def __init__(self, pictures: Pictures, hashes: Sequence[str]) -> None:
        self.pictures, self.hashes = pictures, hashes

    def __len__(self) -> int:
        return len(self.hashes)

    @overload
    def __getitem__(self, place: int) -> Picture: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Picture]: ...
    def __getitem__(self, place: int | slice) -> Picture | Sequence[Picture]:
        if isinstance(place, slice):
            return Shown(self.pictures, self.hashes[place])
        return self.pictures.read(self.hashes[place])


def tuned(
    encoder: Encoder, knobs: FineTune, shown: Shown, labels: AnyArray, progress: Progress = SILENT
) -> FittedEncoder:
    """``encoder`` tuned to the pictures by their labels, int64[pictures]; from the cache where it was made before.

    Whatever changes the result makes another: the encoder, the knobs, the pictures and their labels.
    """
    assert is_dataclass(encoder)
    told = [type(encoder).__name__, asdict(encoder), asdict(knobs)]
    content = json.dumps(told, default=str, sort_keys=True) + "\n".join(shown.hashes)
    digest = hashlib.sha256(content.encode() + np.ascontiguousarray(labels, np.int64).tobytes()).hexdigest()
    folder = cache_folder() / "tuned" / digest[:32]
    try:
        return OnnxEncoder.load(folder)
    except (FileNotFoundError, ReleaseError):
        with progress.step("tuning the encoder") as step:
            made, report = tune(
                encoder, knobs, shown, labels=labels, watch=lambda epoch: step.detail(str(epoch))
            )
            step.note(str(report))
        try:
            with new_folder(folder) as fresh:
                made.save(fresh)
        except FileExistsError:  # somebody was quicker
            pass
        return made
