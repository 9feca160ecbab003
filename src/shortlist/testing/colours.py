"""Toy pictures with a known right answer: each product has a colour, and the encoder measures colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from shortlist.base.types import Floats, Picture
from shortlist.system.contracts import Encoder, FittedEncoder

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 60),
    "blue": (40, 60, 220),
    "yellow": (230, 220, 40),
    "purple": (150, 40, 170),
    "orange": (240, 140, 20),
}


def photo(colour: str, seed: int = 0, size: int = 64) -> bytes:
    """A PNG of a patch of the colour on grey, somewhere else with each ``seed``."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    pixels = np.full((size, size, 3), 128, np.int16) + rng.integers(-10, 10, (size, size, 3))
    top, left = rng.integers(0, size // 4, 2)
    pixels[top : top + size // 2, left : left + size // 2] = COLOURS[colour]
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def shop(photos: int = 3) -> pl.DataFrame:
    """A catalogue: ``photos`` photos of a ball of each colour, and one of a cup of it."""
    rows = []
    for place, colour in enumerate(COLOURS):
        for number in range(photos + 1):
            thing = "ball" if number < photos else "cup"
            rows.append(
                {
                    "key": f"{colour}-{number}",
                    "name": f"{colour} {thing}",
                    "product": f"{colour} {thing}",
                    "price": float(place + 1),
                    "file": [photo(colour, seed=100 * place + number)],
                }
            )
    return pl.DataFrame(rows)


@dataclass(frozen=True, kw_only=True)
class Colours(Encoder):
    """How much of each hue a picture has."""

    def fit(self) -> FittedEncoder:
        """There is nothing to learn."""
        return FittedColours()


class FittedColours(FittedEncoder):
    """The mean distance of the pixels from grey, in eight directions of colour."""

    embedding_size = 8
    fingerprint = "colours"

    def encode(self, pictures: Sequence[Picture]) -> Floats:
        """Vectors of length 1."""
        rows = np.zeros((len(pictures), 8), np.float32)
        for place, picture in enumerate(pictures):
            grey = picture.astype(np.float32).reshape(-1, 3) - 128
            far = grey[np.abs(grey).max(axis=1) > 40]
            mean = far.mean(axis=0) / 128 if len(far) else np.zeros(3, np.float32)
            rows[place] = [1e-3, *np.maximum(mean, 0), *np.maximum(-mean, 0), 0]
        vectors: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def save(self, folder: Path) -> None:
        """Nothing."""

    @classmethod
    def load(cls, folder: Path) -> Self:  # noqa: ARG003
        """The only one."""
        return cls()
