"""From the bytes of a picture to its pixels: any valid file, upright and in RGB; any other refused with a reason.

Pillow decodes, through the reader of the one format that the header showed, and never sees a file whose header
promises too much. Bounds, measured with Pillow 13: a decode takes at most 400 MB and a few seconds of one core, by
the worst file that passes; a JPEG of 40 million pixels for a ``side`` of 320 takes 19 MB and 0.2 s.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.base.errors import PictureError, ShortlistError
from shortlist.base.optional import require
from shortlist.base.types import AnyArray, Picture
from shortlist.vision.images.header import Header, read_header

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MILLION = 1_000_000
MAX_PIXELS = {  # that a decoder may hold: what each format takes differs
    "JPEG": 40 * MILLION,
    "PNG": 40 * MILLION,
    "GIF": 40 * MILLION,
    "BMP": 40 * MILLION,
    "WEBP": 20 * MILLION,  # 16 bytes each
}
MAX_REDUCED_PIXELS = 200 * MILLION  # of a JPEG that is decoded smaller than it is stored
MAX_SCANS = 32  # of a progressive JPEG; encoders make about ten
DRAFT_RATIO = 2.0  # how much larger than wanted a picture is before the last, careful step of shrinking
_PLUGINS = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "GIF": "Gif", "BMP": "Bmp"}  # Pillow's readers


def decode(data: bytes, *, side: int | None = None) -> Picture:
    """The picture, uint8[height, width, 3], RGB, upright.

    ``side``: shrunk so that its shorter side has that many pixels, if it has more; huge JPEGs then stay cheap.
    Transparency lies on white; CMYK is converted without its colour profile; 16 bits become 8.
    Raises PictureError, with its ``reason``, and MissingExtraError without Pillow.
    """
    return pixels(read_header(data), side)


def pixels(header: Header, side: int | None = None) -> Picture:
    """``decode`` for a header that was read already."""
    _must_fit(header, side)
    try:
        small = np.array(_small(_rgb(_opened(header, side)), header, side))
    except (ShortlistError, MemoryError):
        raise
    except Exception as error:  # Pillow raises a dozen kinds, of files as broken as can be
        raise _broken(error) from error
    return _upright(small, header.orientation)


def encode(picture: Picture) -> bytes:
    """The picture as JPEG of quality 90."""
    file = io.BytesIO()
    _pillow().fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


def _must_fit(header: Header, side: int | None) -> None:
    """Refuse what would take too much memory or time, by its header alone."""
    count, limit = header.width * header.height, MAX_PIXELS[header.kind]
    if header.scans > MAX_SCANS:
        raise PictureError(
            "too many scans", f"a JPEG of more than {MAX_SCANS} scans: save it again as ordinary JPEG"
        )
    if header.kind == "JPEG" and header.scans == 1:  # of several, all coefficients are held at once
        if count > MAX_REDUCED_PIXELS:
            limit = MAX_REDUCED_PIXELS
        else:
            count //= _reduction(header, side) ** 2
    if count > limit:
        size = f"{header.width}×{header.height}"
        raise PictureError(
            "too many pixels", f"{size}: {limit // MILLION} million are the most; send it smaller"
        )


def _reduction(header: Header, side: int | None) -> int:
    """By how much the JPEG decoder can shrink on its way, and still leave DRAFT_RATIO for the last step."""
    room = min(header.width, header.height) / (side * DRAFT_RATIO) if side else 1
    return next((scale for scale in (8, 4, 2) if scale <= room), 1)


def _opened(header: Header, side: int | None) -> Image:
    """A picture whose header was read and whose pixels were not, set to be decoded small."""
    name = _PLUGINS[header.kind]
    plugin = require(f"PIL.{name}ImagePlugin", extra="vision", why="reading pictures")
    image: ImageFile = getattr(plugin, f"{name}ImageFile")(io.BytesIO(header.body))
    if image.size != (header.width, header.height):
        raise PictureError("damaged", "it has two sizes: save it again as JPEG or PNG")
    scale = _reduction(header, side)
    image.draft(None, (header.width // scale, header.height // scale))  # only JPEG can
    return image


def _small(image: Image, header: Header, side: int | None) -> Image:
    shorter = min(header.width, header.height)
    if side is None or shorter <= side:
        return image
    width, height = (round(length * side / shorter) for length in (header.width, header.height))
    return image.resize((width, height), reducing_gap=DRAFT_RATIO)


def _rgb(image: Image) -> Image:
    """Every kind of pixel as RGB."""
    image.load()
    if image.mode.startswith("I"):
        return _plain(np.asarray(image).clip(0, 0xFFFF) >> 8, "L").convert("RGB")
    if image.mode == "CMYK" and "adobe" not in image.info:  # Pillow takes all for inverted, as Adobe has them
        return _plain(255 - np.asarray(image), "CMYK").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper: Image = _pillow().new("RGB", layer.size, "white")
    paper.paste(layer, mask=layer)
    return paper


def _plain(values: AnyArray, mode: str) -> Image:
    height, width = values.shape[:2]
    made: Image = _pillow().frombytes(mode, (width, height), values.astype(np.uint8).tobytes())
    return made


def _pillow() -> Any:
    return require("PIL.Image", extra="vision", why="reading pictures")


def _upright(picture: Picture, orientation: int) -> Picture:
    """Turned by its Exif orientation: above 4 rows and columns are swapped, then each of the four ways to mirror."""
    turned = picture.swapaxes(0, 1) if orientation > 4 else picture
    down, across = ((1, 1), (1, -1), (-1, -1), (-1, 1))[(orientation - 1) % 4]
    return np.ascontiguousarray(turned[::down, ::across])


def _broken(error: Exception) -> PictureError:
    if "truncated" in str(error) or isinstance(error, EOFError):
        return PictureError("truncated", "it ends before it is whole: send it again")
    return PictureError("damaged", "its pixels cannot be read: save it again as JPEG or PNG")
