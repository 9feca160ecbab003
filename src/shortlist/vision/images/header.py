"""The header of a picture, read before any decoder runs.

Five formats, each walked by a few lines of our own, so that what is too large, animated or foreign is refused at
once, whatever it would do to a decoder. Specifications: ITU T.81 (JPEG), PNG third edition, GIF89a, RFC 9649
(WebP), the headers of Windows bitmaps, and Exif 2.3 for the orientation.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from shortlist.base.errors import PictureError

MAX_BYTES = 50_000_000  # of a picture as received
MIN_SIDE = 16  # pixels of the shorter side
MAX_SIDE = 65_500  # pixels of the longer side: JPEG has no more
MAX_PARTS = 200_000  # chunks or blocks; valid pictures have thousands

_FOREIGN = {  # common files that are not read
    rb"....ftyp": "HEIC, AVIF or a film",
    rb"%PDF": "PDF",
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+": "TIFF",
    rb"8BPS": "Photoshop",
    rb"\0\0\0\x0cjP|\xff\x4f\xff\x51": "JPEG 2000",
    rb"\0\0\0\x0cJXL|\xff\x0a": "JPEG XL",
    rb"\0\0\x01\0": "an icon",
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(!DOCTYPE )?svg": "SVG",
    rb"P[1-7]\s": "Netpbm",
}
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")  # of a part with a length, or the end; no coded pixels
_NO_PIXELS = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # application data and comments of JPEG
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_UNREAD_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}  # lossless, arithmetic


@dataclass(frozen=True)
class Header:
    """A picture that may be decoded."""

    kind: str  # JPEG, PNG, WEBP, GIF or BMP
    width: int  # as stored, before it is turned upright
    height: int
    body: bytes  # what the decoder gets: without texts, profiles and other parts that make no pixels
    orientation: int = 1  # of Exif, 1 to 8
    scans: int = 1  # of JPEG
    frames: int = 1

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height after turning upright."""
        return (self.height, self.width) if self.orientation > 4 else (self.width, self.height)


def read_header(data: bytes) -> Header:
    """Read the header. Raises PictureError where the picture is none, or none that may be decoded.

    How many pixels may be decoded depends on the decoder, and is its business.
    """
    if not data:
        raise PictureError("empty", "it has no bytes: send the picture itself")
    if len(data) > MAX_BYTES:
        raise PictureError("too many bytes", f"{len(data):,} are more than {MAX_BYTES:,}: send a smaller one")
    read = _reader(data)
    try:
        header = read(data)
    except (struct.error, IndexError) as error:
        raise PictureError("truncated", "it ends within its header: send it again, whole") from error
    if header.frames > 1:
        raise PictureError("animated", "it has several frames: send one of them as JPEG or PNG")
    if min(header.width, header.height) < MIN_SIDE:
        size = f"{header.width}×{header.height}"
        raise PictureError("too small", f"{size} pixels show nothing: both sides need {MIN_SIDE}")
    if max(header.width, header.height) > MAX_SIDE:
        raise PictureError(
            "too many pixels", f"{header.width}×{header.height}: no side may be longer than {MAX_SIDE:,}"
        )
    return header


def _reader(data: bytes) -> Callable[[bytes], Header]:
    for magic, read in _READERS.items():
        if re.match(magic, data, re.DOTALL):
            return read
    for magic, name in _FOREIGN.items():
        if re.match(magic, data[:1000], re.DOTALL):
            raise PictureError("unsupported format", f"this is {name}: send JPEG, PNG, WebP, GIF or BMP")
    if len(data) < MIN_SIDE and any(magic.startswith(data) for magic in _MAGIC):
        raise PictureError("truncated", "it ends within its header: send it again, whole")
    raise PictureError("not a picture", "its first bytes are those of no picture: send JPEG, PNG or WebP")


def _damaged(what: str) -> PictureError:
    return PictureError("damaged", f"{what}: save it again as JPEG or PNG")


def _jpeg(data: bytes) -> Header:
    at, size, orientation, kept = 2, (0, 0), 1, [data[:2]]
    for _ in range(MAX_PARTS):
        at, marker = _marker(data, at)
        if marker == 0xD9:
            raise _damaged("it ends before its pixels")
        length = max(struct.unpack_from(">H", data, at)[0], 2)
        if at + length > len(data):
            raise IndexError
        if marker in _UNREAD_FRAMES:
            raise PictureError("unsupported format", "JPEG of a rare kind: save it again as ordinary JPEG")
        if marker in {0xC0, 0xC1, 0xC2}:
            depth, height, width = struct.unpack_from(">BHH", data, at + 2)
            if depth != 8:
                raise PictureError("unsupported format", "JPEG of 12 bits: save it again as ordinary JPEG")
            if size != (0, 0):
                raise _damaged("it has two sizes")
            size = width, height
        elif marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0":
            orientation = _orientation(data[at + 8 : at + length])
        elif marker == 0xDA:
            if size == (0, 0):
                raise _damaged("it has no size")
            body = b"".join([*kept, data[at - 2 :]])
            return Header("JPEG", *size, body, orientation, _scans(data, at + length))
        if marker not in _NO_PIXELS:
            kept.append(data[at - 2 : at + length])
        at += length
    raise _damaged("it has too many parts")


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Where the next part from ``at`` on begins, and what it is."""
    match = _MARKER.search(data, at)
    if not match:
        raise IndexError
    return match.end(), match[1][0]


def _scans(data: bytes, at: int) -> int:
    """How many scans there are; it is walked, since what looks like an end may lie in a comment."""
    count = 1
    for _ in range(MAX_PARTS):
        match = _MARKER.search(data, at)
        if not match or match[1] == b"\xd9" or match.end() + 2 > len(data):
            return count
        count += match[1] == b"\xda"
        at = match.end() + max(struct.unpack_from(">H", data, match.end())[0], 2)
    raise _damaged("it has too many parts")


def _png(data: bytes) -> Header:
    at, kept, orientation, frames = 8, [data[:8]], 1, 1
    first, width, height = struct.unpack_from(">4sII", data, 12)
    if first != b"IHDR":
        raise _damaged("it does not begin as it should")
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise PictureError("truncated", "it ends before it is whole: send it again")
        if kind == b"IHDR" and at > 8:
            raise _damaged("it has two sizes")
        if kind in _PIXEL_CHUNKS:
            if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
                raise _damaged("its pixels are not those that were saved")
            kept.append(data[at:end])
        elif kind == b"eXIf":
            orientation = _orientation(data[at + 8 : end - 4])
        elif kind == b"acTL":
            frames = struct.unpack_from(">I", data, at + 8)[0]
        if kind == b"IEND":
            return Header("PNG", width, height, b"".join(kept), orientation, frames=frames)
        at = end
    raise _damaged("it has too many parts")


def _webp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise PictureError("truncated", "it ends before it is whole: send it again")
    match data[12:16]:
        case b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
            return Header("WEBP", width, height, data)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, data)
        case b"VP8X":
            width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
            frames = 2 if data[20] & 2 else 1
            return Header("WEBP", width, height, data, _webp_orientation(data), frames=frames)
    raise _damaged("it has no pixels")


def _webp_orientation(data: bytes) -> int:
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return _orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return 1


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames, steps = 13 + _palette(flags), 0, 0
    kept = [data[:at]]
    while frames < 2 and data[at : at + 1] in {b"!", b","}:
        start = at
        if data[at] == ord(","):
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + across), max(height, top + down)
            frames += 1
            at += 11 + _palette(flags)
        else:
            at += 2
        while data[at]:
            at += data[at] + 1
            steps += 1
            if steps > MAX_PARTS * 2:
                raise _damaged("it has too many parts")
        at += 1
        if data[start : start + 2] == b"!\xf9" or data[start] == ord(","):  # transparency, and pixels
            kept.append(data[start:at])
    if not frames:
        raise IndexError
    return Header("GIF", width, height, b"".join([*kept, b";"]), frames=frames)


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _bmp(data: bytes) -> Header:
    start, size = struct.unpack_from("<II", data, 10)
    if max(start, 14 + size) > len(data):
        raise IndexError
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", data, 18)
    return Header("BMP", width, abs(height), data)


def _orientation(exif: bytes) -> int:
    """The orientation of an Exif block, 1 where there is none or it is invalid. Never raises."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    try:
        if order is None:
            return 1
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(min(count, 500)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, at + 2 + 12 * entry)
            if tag == 0x0112:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


_READERS: dict[bytes, Callable[[bytes], Header]] = {
    rb"\xff\xd8\xff": _jpeg,
    rb"\x89PNG\r\n\x1a\n": _png,
    rb"RIFF....WEBP": _webp,
    rb"GIF8[79]a": _gif,
    rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0": _bmp,
}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF87a", b"GIF89a", b"BM")
