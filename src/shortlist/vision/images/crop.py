"""Parts of pictures: a given box, or the one around the main object."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, label

from shortlist.base.errors import InvalidRequestError
from shortlist.base.types import Mask, Picture
from shortlist.vision.images.duplicates import downsample

Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of width and height

WHOLE_PICTURE: Box = (0.0, 0.0, 1.0, 1.0)
SEARCH_SIDE = 64  # pixels of the picture in which the main object is sought
PLAIN_TOLERANCE = 0.08  # most that a plain background differs from its own colour, of 1
FOREGROUND_SHARE = 0.4  # how far an object's colour is from a plain background's, of the farthest
MARGIN = 0.02  # left around the object
MIN_AREA, MAX_AREA = 0.02, 0.8  # share of the picture: less is a speck, more is all of it


def crop(picture: Picture, box: Sequence[float]) -> Picture:
    """The part of ``picture`` inside ``box``, at least one pixel. Raises InvalidRequestError for a bad box."""
    left, top, right, bottom = validate_box(box)
    height, width = picture.shape[:2]
    x, y = min(int(left * width), width - 1), min(int(top * height), height - 1)
    return picture[y : max(math.ceil(bottom * height), y + 1), x : max(math.ceil(right * width), x + 1)]


def validate_box(box: Sequence[float]) -> Box:
    """The box, if it is one. Raises InvalidRequestError."""
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
    """The box around what lies on a plain background; WHOLE_PICTURE where the background is none, or nothing is on it.

    The background is what the edge shows. On busy scenes the user has to draw the box: the saliency of
    spectral residuals (Hou and Zhang, CVPR 2007) was tried on photos of shelves, and chose price tags.
    """
    small = downsample(picture, SEARCH_SIDE) / np.float32(255)
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    ground = np.median(edge, axis=0)
    if np.median(np.abs(edge - ground).max(axis=1)) > PLAIN_TOLERANCE:
        return WHOLE_PICTURE
    distance = gaussian_filter(np.abs(small - ground).max(axis=2), 0.7)
    return _around(_main(distance > max(FOREGROUND_SHARE * float(distance.max()), PLAIN_TOLERANCE)))


def _main(mask: Mask) -> Mask:
    """Without the specks: only parts at least a fifth as large as the largest."""
    parts, count = label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.isin(parts, np.flatnonzero(sizes >= sizes.max() / 5))


def _around(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return WHOLE_PICTURE
    top, bottom = max(rows[0] / SEARCH_SIDE - MARGIN, 0.0), min((rows[-1] + 1) / SEARCH_SIDE + MARGIN, 1.0)
    left, right = (
        max(columns[0] / SEARCH_SIDE - MARGIN, 0.0),
        min((columns[-1] + 1) / SEARCH_SIDE + MARGIN, 1.0),
    )
    if not MIN_AREA < (bottom - top) * (right - left) < MAX_AREA:
        return WHOLE_PICTURE
    return float(left), float(top), float(right), float(bottom)
