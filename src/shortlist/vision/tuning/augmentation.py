"""Altered views of a picture, for training: what stays the same product however it is photographed."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from shortlist.base.types import Floats, Picture
from shortlist.vision.encoders.prepare import Part, square

COLOURS = 0.4  # how much brightness, contrast and saturation may change, of 1
TINT = 0.07  # how much each colour may change on its own, as lamps do
LONGEST = 4 / 3  # of the sides of a cut, to each other
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def altered(picture: Picture, side: int, smallest: float, rng: Generator) -> Picture:
    """A random part of at least ``smallest`` of the picture, maybe mirrored, in other colours, as a square.

    The cut is that of Szegedy et al., "Going deeper with convolutions", CVPR 2015.
    """
    height, width = picture.shape[:2]
    view = square(picture, _part(width, height, smallest, rng), side).astype(np.float32)
    if rng.random() < 0.5:
        view = view[:, ::-1]
    return _recoloured(view, rng).clip(0, 255).astype(np.uint8)


def _part(width: int, height: int, smallest: float, rng: Generator) -> Part:
    area, ratio = width * height * rng.uniform(smallest, 1), math.exp(rng.uniform(-1, 1) * math.log(LONGEST))
    across, down = min(math.sqrt(area * ratio), width), min(math.sqrt(area / ratio), height)
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    return left, top, left + across, top + down


def _recoloured(view: Floats, rng: Generator) -> Floats:
    brightness, contrast, saturation = rng.uniform(1 - COLOURS, 1 + COLOURS, 3).astype(np.float32)
    view = view * (brightness * rng.uniform(1 - TINT, 1 + TINT, 3).astype(np.float32))
    grey = (view @ GREY)[:, :, None]
    mean = grey.mean()
    saturated = grey + (view - grey) * saturation
    recoloured: Floats = mean + (saturated - mean) * contrast
    return recoloured
