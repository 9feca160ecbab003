"""Tuned encoders, kept between runs: tuning is slow, and evaluation needs the same one again."""

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
from shortlist.base.progress import Progress
from shortlist.base.settings import cache_folder
from shortlist.base.types import AnyArray, Picture
from shortlist.system.contracts import Encoder, FittedEncoder
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder
from shortlist.vision.tuning.fine_tune import FineTune
from shortlist.vision.tuning.tune import tune


class PictureSequence(Sequence[Picture]):
    """Stored pictures as a sequence that decodes on access."""

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
            return PictureSequence(self.pictures, self.hashes[place])
        return self.pictures.read(self.hashes[place])


def tuned_encoder(
    encoder: Encoder, settings: FineTune, pictures: PictureSequence, labels: AnyArray, progress: Progress
) -> FittedEncoder:
    """``encoder`` tuned to the pictures by their labels, int64[pictures], from the cache where it is there.

    The key is everything that changes the result: the encoder, the settings, the pictures and their labels.
    """
    assert is_dataclass(encoder)
    declared = [type(encoder).__name__, asdict(encoder), asdict(settings)]
    content = json.dumps(declared, default=str, sort_keys=True) + "\n".join(pictures.hashes)
    digest = hashlib.sha256(content.encode() + np.ascontiguousarray(labels, np.int64).tobytes()).hexdigest()
    folder = cache_folder() / "tuned" / digest[:32]
    try:
        return OnnxEncoder.load(folder)
    except (FileNotFoundError, ReleaseError):
        with progress.step("tuning the encoder") as step:
            tuned, report = tune(encoder, settings, pictures, labels=labels, progress=progress)
            step.note(str(report))
        try:
            with new_folder(folder) as fresh:
                tuned.save(fresh)
        except FileExistsError:  # another process has saved the same one meanwhile
            pass
        return tuned
