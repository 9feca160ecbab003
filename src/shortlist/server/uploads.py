"""Pictures that people send: decoded apart from the answers, a few at a time."""

from __future__ import annotations

import base64
import binascii
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, TypeVar

from shortlist.base.errors import InvalidRequestError, PictureError, UnavailableError
from shortlist.base.types import Picture
from shortlist.server.schemas import LARGEST_PICTURE
from shortlist.vision.images.crop import Box, crop, main_object
from shortlist.vision.images.decode import decode

T = TypeVar("T")

SIDE = 320  # pixels of the shorter side that encoders want at most
CLOSE = 1024  # where only a part is meant
AT_ONCE = 2  # pictures that are decoded at a time, and
WAITING = 32  # that wait for it; what comes beyond is asked to come again

_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")
_waiting = 0


@dataclass(frozen=True)
class Upload:
    """A picture that was sent, ready to be searched with."""

    picture: Picture
    crop: Box | None  # the part of what was sent that it is
    ms: float


async def apart(function: Callable[[], T]) -> T:
    """The result of ``function``, computed by the threads for pictures. UnavailableError where too much waits."""
    global _waiting
    if _waiting >= AT_ONCE + WAITING:
        raise UnavailableError("too many pictures are being read: try again in a second")
    _waiting += 1
    try:
        return await get_running_loop().run_in_executor(_THREADS, function)
    finally:
        _waiting -= 1


def opened(data: bytes, part: tuple[float, ...] | Literal["auto"] | None) -> Upload:
    """The picture, or the ``part`` of it that is meant. Raises PictureError, InvalidRequestError."""
    start = perf_counter()
    if len(data) > LARGEST_PICTURE:
        raise PictureError("too many bytes", f"at most {LARGEST_PICTURE:,} are read here, not {len(data):,}")
    picture, box = decode(data, side=CLOSE if part else SIDE), None
    if part is not None:
        box = main_object(picture) if part == "auto" else tuple(part)
        picture = crop(picture, box)
    return Upload(picture, box, (perf_counter() - start) * 1000)  # type: ignore[arg-type]


def from_base64(text: str, field: str = "picture") -> bytes:
    """The bytes of a picture in JSON. Raises InvalidRequestError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(field, f"is no base64: {error}") from error
