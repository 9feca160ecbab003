"""The picture of a search: decoded safely, cropped to the part that is meant."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.base.errors import PictureError
from shortlist.base.types import Picture
from shortlist.service.requests import MAX_PICTURE, Crop
from shortlist.vision.images.crop import Box, crop, main_object
from shortlist.vision.images.decode import decode

SHORTER_SIDE = 320  # pixels that encoders want at most
SHORTER_SIDE_OF_WHOLE = 1024  # where only a part is meant


@dataclass(frozen=True)
class QueryPicture:
    """A picture to search with."""

    picture: Picture
    crop: Box | None  # which part of the picture that was sent; None: all of it


def read_picture(data: bytes, part: Crop | None) -> QueryPicture:
    """The picture in the bytes of a file, or the ``part`` of it that is meant.

    Raises PictureError, InvalidRequestError.
    """
    if len(data) > MAX_PICTURE:
        raise PictureError("too many bytes", f"at most {MAX_PICTURE:,} are read here, not {len(data):,}")
    picture, box = decode(data, side=SHORTER_SIDE_OF_WHOLE if part else SHORTER_SIDE), None
    if part is not None:
        box = main_object(picture) if part == "auto" else part
        picture = crop(picture, box)
    return QueryPicture(picture, box)
