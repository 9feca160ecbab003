"""From pictures of any size and shape to the squares that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shortlist.base.optional import require
from shortlist.base.types import Picture

Squares = NDArray[np.uint8]  # [pictures, side, side, 3]
Part = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a model wants its pictures: the centre square, ``crop_share`` of the shorter side, as ``side`` pixels.

    Colours are scaled inside the model's graph, so that squares travel as bytes.
    """

    side: int
    crop_share: float

    def __call__(self, pictures: Sequence[Picture]) -> Squares:
        """The squares of ``pictures``, uint8[pictures, side, side, 3]."""
        squares = np.empty((len(pictures), self.side, self.side, 3), np.uint8)
        for place, picture in enumerate(pictures):
            squares[place] = square(picture, self.centre_crop(picture), self.side)
        return squares

    def centre_crop(self, picture: Picture) -> Part:
        """The centre square of a picture, in pixels, not necessarily whole ones."""
        height, width = picture.shape[:2]
        edge = min(height, width) * self.crop_share
        left, top = (width - edge) / 2, (height - edge) / 2
        return left, top, left + edge, top + edge

    @property
    def min_side(self) -> int:
        """The shorter side that a picture needs, in pixels; a decoder may shrink down to it."""
        return round(self.side / self.crop_share)


def square(picture: Picture, part: Part, side: int) -> Picture:
    """``part`` of ``picture``, resized to ``side`` by ``side`` pixels (bicubic, with antialiasing)."""
    pillow: Any = require("PIL.Image", extra="vision", why="preparing pictures")
    image = pillow.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((side, side), pillow.Resampling.BICUBIC, box=part))
