"""Parts of pictures: a box that somebody drew, or the one around the main object."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, label

from shortlist.base.errors import InvalidRequestError
from shortlist.base.types import Mask, Picture
from shortlist.vision.images.duplicates import shrunk

Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of width and height

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
SIZE = 64  # pixels of the picture in which the main object is search_query
PLAIN = 0.08  # most that a plain background differs from its own colour, of 1
STANDS_OUT = 0.4  # how far an object's colour is from a plain background's, of the farthest
MARGIN = 0.02  # left around the object
SMALL, LARGE = 0.02, 0.8  # share of the picture: less is a speck, more is all of it


def crop(picture: Picture, box: Sequence[float]) -> Picture:
    """The part of ``picture`` inside ``box``, at least one pixel. Raises InvalidRequestError for a bad box."""
    left, top, right, bottom = checked(box)
    height, width = picture.shape[:2]
    x, y = min(int(left * width), width - 1), min(int(top * height), height - 1)
    return picture[y : max(math.ceil(bottom * height), y + 1), x : max(math.ceil(right * width), x + 1)]


def checked(box: Sequence[float]) -> Box:
    """The box, if it is one. Raises InvalidRequestError that says what is wrong with it."""
    if len(box) != 4 or not all(0 <= side <= 1 for side in box):
        raise InvalidRequestError(
            "crop", f"{list(box)} is no box: give left, top, right, bottom, each from 0 to 1"
        )
    left, top, right, bottom = map(float, box)
    if left >= right or top >= bottom:
        raise InvalidRequestError(
            "crop", f"{list(box)} holds nothing: left must be less than right, and top less than bottom"
        )
    return left, top, right, bottom


def main_object(picture: Picture) -> Box:
    """The box around what lies on a plain background; WHOLE where the background is none, or nothing is on it.

    The background is what the edge shows. On busy scenes it is left to people to draw a box: the saliency of
    spectral residuals (Hou and Zhang, CVPR 2007) was tried on photos of shelves, and chose price tags.
    """
    small = shrunk(picture, SIZE) / np.float32(255)
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    ground = np.median(edge, axis=0)
    if np.median(np.abs(edge - ground).max(axis=1)) > PLAIN:
        return WHOLE
    distance = gaussian_filter(np.abs(small - ground).max(axis=2), 0.7)
    return _around(_main(distance > max(STANDS_OUT * float(distance.max()), PLAIN)))


def _main(found: Mask) -> Mask:
    """Without the specks: only parts at least a fifth as large as the largest."""
    parts, count = label(found)
    if count < 2:
        return found
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.isin(parts, np.flatnonzero(sizes >= sizes.max() / 5))


def _around(found: Mask) -> Box:
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if not len(rows):
        return WHOLE
    top, bottom = max(rows[0] / SIZE - MARGIN, 0.0), min((rows[-1] + 1) / SIZE + MARGIN, 1.0)
    left, right = max(columns[0] / SIZE - MARGIN, 0.0), min((columns[-1] + 1) / SIZE + MARGIN, 1.0)
    if not SMALL < (bottom - top) * (right - left) < LARGE:
        return WHOLE
    return float(left), float(top), float(right), float(bottom)
