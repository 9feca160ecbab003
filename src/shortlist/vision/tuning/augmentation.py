"""Random augmentations of a picture for training: what stays the same product however it is photographed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from shortlist.base.types import Floats, Picture
from shortlist.vision.encoders.prepare import Part, Squares, square

MAX_COLOUR_CHANGE = 0.4  # of brightness, contrast and saturation, as a share
MAX_TINT = 0.07  # change of each colour channel on its own, as different lamps make
MAX_ASPECT_RATIO = 4 / 3  # of a crop
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """``views`` random views of a picture. They depend on the seed and the picture's content, on nothing else,
    so the same picture has the same views in every training set.
    """

    views: int
    min_crop: float  # least share of the area that a view shows
    seed: int

    def __call__(self, picture: Picture, content_hash: str, side: int) -> Squares:
        """The views of the picture with that hash (hexadecimal), uint8[views, side, side, 3]."""
        content = int(content_hash[:16], 16)
        rngs = [np.random.default_rng((self.seed, view, content)) for view in range(self.views)]
        return np.stack([augment(picture, side, self.min_crop, rng) for rng in rngs])


def augment(picture: Picture, side: int, min_crop: float, rng: Generator) -> Picture:
    """A random crop of at least the share ``min_crop`` of the area, maybe mirrored, with colours changed.

    The crop is that of Szegedy et al., "Going deeper with convolutions", CVPR 2015.
    """
    height, width = picture.shape[:2]
    view = square(picture, _random_crop(width, height, min_crop, rng), side).astype(np.float32)
    if rng.random() < 0.5:
        view = view[:, ::-1]
    return _jitter_colours(view, rng).clip(0, 255).astype(np.uint8)


def _random_crop(width: int, height: int, min_crop: float, rng: Generator) -> Part:
    area = width * height * rng.uniform(min_crop, 1)
    ratio = math.exp(rng.uniform(-1, 1) * math.log(MAX_ASPECT_RATIO))
    across, down = min(math.sqrt(area * ratio), width), min(math.sqrt(area / ratio), height)
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    return left, top, left + across, top + down


def _jitter_colours(view: Floats, rng: Generator) -> Floats:
    low, high = 1 - MAX_COLOUR_CHANGE, 1 + MAX_COLOUR_CHANGE
    brightness, contrast, saturation = rng.uniform(low, high, 3).astype(np.float32)
    view = view * (brightness * rng.uniform(1 - MAX_TINT, 1 + MAX_TINT, 3).astype(np.float32))
    grey = (view @ LUMA)[:, :, None]
    mean = grey.mean()
    saturated = grey + (view - grey) * saturation
    jittered: Floats = mean + (saturated - mean) * contrast
    return jittered
