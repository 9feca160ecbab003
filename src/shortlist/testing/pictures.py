"""Pictures that must be refused, and odd ones that must not: for tests of decoders, uploads and ingests.

::

    for name, data, reason in hostile(seed=1):
        with pytest.raises(PictureError) as error:
            decode(data)
        assert error.value.reason == reason
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from shortlist.base.errors import PictureReason
from shortlist.base.optional import require
from shortlist.base.types import Picture
from shortlist.vision.images.header import MAX_BYTES, MIN_SIDE

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
Hostile = tuple[str, bytes, PictureReason]


def picture(seed: int = 0, width: int = 96, height: int = 64) -> Picture:
    """Soft blobs of colour: something that compresses, shrinks and is recognised as photos are."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.array(_pillow().fromarray(small).resize((width, height)))


def saved(shown: Picture, kind: str = "JPEG", mode: str = "RGB", **how: Any) -> bytes:
    """A picture as a file of ``kind``, in Pillow's ``mode``; ''how'' goes to its writer."""
    file = io.BytesIO()
    _pillow().fromarray(shown).convert(mode).save(file, kind, **how)
    return file.getvalue()


def hostile(seed: int = 0) -> Iterator[Hostile]:
    """Some three hundred files, each with its name and the reason for which it is refused; others for each seed."""
    rng = np.random.default_rng(seed)
    yield "nothing", b"", "empty"
    yield from _foreign(rng)
    yield from _cut(rng)
    yield from _damaged(rng)
    yield from _small(rng)
    yield from _moving(rng)
    yield from _bombs(rng)


def _foreign(rng: np.random.Generator) -> Iterator[Hostile]:
    for number in range(20):
        yield f"noise {number}", b"\x07" + rng.bytes(int(rng.integers(1, 2000))), "not a picture"
    for name, data in {
        "text.jpg": b"This is no picture.\n" * 50,
        "page.png": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        "script.gif": b"#!/bin/sh\nrm -rf /\n",
        "archive.webp": b"PK\x03\x04" + rng.bytes(300),
        "program.bmp": b"\x7fELF" + rng.bytes(300),
        "program.exe": b"MZ" + rng.bytes(300),
        "zeros": bytes(1000),
        "sound.webp": b"RIFF\x24\0\0\0WAVEfmt " + rng.bytes(40),
    }.items():
        yield name, data, "not a picture"
    for name, data in {
        "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + rng.bytes(300),
        "photo.avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + rng.bytes(300),
        "paper.pdf": b"%PDF-1.7\n" + rng.bytes(300),
        "drawing.svg": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
        "entities.svg": b"<!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg>&a;</svg>",
        "scan.tiff": saved(picture(), "TIFF"),
        "layers.psd": b"8BPS\0\1" + rng.bytes(300),
        "icon.ico": saved(picture(), "ICO"),
        "map.ppm": saved(picture(), "PPM"),
        "lossless.jpg": _with_frame(saved(picture()), 0xC3),
        "arithmetic.jpg": _with_frame(saved(picture()), 0xC9),
    }.items():
        yield name, data, "unsupported format"


def _cut(rng: np.random.Generator) -> Iterator[Hostile]:
    for kind in KINDS:
        for number in range(16):
            whole = saved(picture(number), kind)
            length = int(rng.integers(40, len(whole) - 20))
            yield f"{kind} cut at {length} of {len(whole)}", whole[:length], "truncated"
    for number in range(10):
        whole = saved(picture(number), progressive=True)
        length = int(rng.integers(40, len(whole) - 20))
        yield f"progressive cut at {length} of {len(whole)}", whole[:length], "truncated"


def _damaged(rng: np.random.Generator) -> Iterator[Hostile]:
    for number in range(20):
        png = saved(picture(number), "PNG")
        at = png.index(b"IDAT") + 4 + int(rng.integers(0, 200))
        yield f"PNG with byte {at} flipped", png[:at] + bytes([png[at] ^ 0xFF]) + png[at + 1 :], "damaged"
        yield f"PNG of noise {number}", _png(64, 64, rng.bytes(500)), "damaged"
        extended = b"VP8X\x0a\0\0\0\x08\0\0\0" + b"\x3f\0\0" * 2
        exif = b"EXIF" + struct.pack("<I", 2 * number) + rng.bytes(2 * number)
        yield f"WebP with {2 * number} bytes and no pixels", _riff(extended + exif), "damaged"
    png = saved(picture(), "PNG")
    yield "PNG of two sizes", png[:33] + png[8:33] + png[33:], "damaged"
    yield "PNG without beginning", png[:8] + png[33:], "damaged"
    jpeg = saved(picture())
    at = jpeg.index(b"\xff\xc0")
    yield "JPEG of two sizes", jpeg[: at + 19] + jpeg[at : at + 19] + jpeg[at + 19 :], "damaged"
    yield "JPEG that ends at once", jpeg[:2] + b"\xff\xd9" + jpeg[2:], "damaged"


def _small(rng: np.random.Generator) -> Iterator[Hostile]:
    for kind in KINDS:
        for width, height in [(1, 1), (2, 1000), (1000, 1), (MIN_SIDE - 1, MIN_SIDE), (3, 3)]:
            shown = picture(int(rng.integers(1000)), width, height)
            yield f"{kind} of {width}×{height}", saved(shown, kind), "too small"


def _moving(rng: np.random.Generator) -> Iterator[Hostile]:
    for kind in ("GIF", "WEBP", "PNG"):
        for frames in (2, 3, 10):
            rest = [_pillow().fromarray(picture(int(rng.integers(1000)))) for _ in range(frames - 1)]
            data = saved(picture(-frames + 20), kind, save_all=True, append_images=rest)
            yield f"{kind} of {frames} frames", data, "animated"


def _bombs(rng: np.random.Generator) -> Iterator[Hostile]:
    for _ in range(10):
        width, height = (int(side) for side in rng.integers(20_000, 65_000, 2))
        yield f"PNG that says {width}×{height}", _png(width, height, b""), "too many pixels"
        sides = struct.pack("<HH", width, height)
        gif = saved(picture(), "GIF")
        yield f"GIF that says {width}×{height}", gif[:6] + sides + gif[10:], "too many pixels"
        at = gif.index(b",", 13 + 3 * 256) + 5
        yield f"GIF with a frame of {width}×{height}", gif[:at] + sides + gif[at + 4 :], "too many pixels"
        bmp = saved(picture(), "BMP")
        yield (
            f"BMP that says {width}×{height}",
            bmp[:18] + struct.pack("<ii", width, -height) + bmp[26:],
            "too many pixels",
        )
        jpeg = saved(picture())
        at = jpeg.index(b"\xff\xc0") + 5
        yield (
            f"JPEG that says {width}×{height}",
            jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :],
            "too many pixels",
        )
        canvas = b"".join((side // 4).to_bytes(3, "little") for side in (width, height))
        extended = b"VP8X\x0a\0\0\0\0\0\0\0" + canvas
        yield (
            f"WebP of {width // 4}×{height // 4}",
            _riff(extended + saved(picture(), "WEBP")[12:]),
            "too many pixels",
        )
    yield "PNG of a line", _png(5_000_000, 20, b""), "too many pixels"
    zeros = zlib.compress(bytes((20_000 // 8 + 1) * 20_000), 9)
    yield "PNG of 400 million pixels in 50 kB", _png(20_000, 20_000, zeros, depth=1), "too many pixels"
    jpeg = saved(picture(), progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    for count in (40, 3000):
        yield f"JPEG of {count} scans", jpeg[:-2] + last * count + jpeg[-2:], "too many scans"
    hidden = b"\xff\xfe\0\x04\xff\xd9" + last * 100  # after a comment that looks like the end
    yield "JPEG of hidden scans", jpeg[:-2] + hidden + jpeg[-2:], "too many scans"
    yield "JPEG of too many bytes", jpeg + bytes(MAX_BYTES), "too many bytes"


def odd() -> Iterator[tuple[str, bytes]]:
    """Files that look wrong or would hurt a careless reader, and show ``picture()`` all the same."""
    png, jpeg, gif = saved(picture(), "PNG"), saved(picture(), quality=95), saved(picture(), "GIF")
    zeros = zlib.compress(bytes(64_000_000), 9)
    yield "PNG with a text of 64 MB", png[:33] + _chunk(b"zTXt", b"a\0\0" + zeros) + png[33:]
    yield "PNG with a hundred such", png[:33] + _chunk(b"zTXt", b"a\0\0" + zeros) * 100 + png[33:]
    yield "PNG with a profile of 64 MB", png[:33] + _chunk(b"iCCP", b"a\0\0" + zeros) + png[33:]
    yield (
        "PNG with broken Exif",
        png[:33] + _chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + bytes(40)) + png[33:],
    )
    yield (
        "JPEG with a megabyte of Exif",
        jpeg[:2] + _segment(0xE1, b"Exif\0\0II*\0" + bytes(60_000)) * 16 + jpeg[2:],
    )
    yield "JPEG and an archive", jpeg + b"PK\x03\x04" + bytes(2000)
    yield "JPEG with a page inside", jpeg[:2] + _segment(0xFE, b"<html><script>alert(1)</script>") + jpeg[2:]
    yield "JPEG with another behind it", jpeg + saved(picture(5), progressive=True)
    yield "progressive JPEG", saved(picture(), quality=95, progressive=True)
    yield "JPEG filled up between its parts", jpeg[:2] + b"\xff" * 1000 + jpeg[2:]
    comment = b"!\xfe" + (b"\xff" + bytes(255)) * 100_000 + b"\0"
    yield "GIF with a comment of 25 MB", gif[: gif.index(b",", 700)] + comment + gif[gif.index(b",", 700) :]
    yield "GIF without its end", gif[:-1]
    yield "lossless WebP", saved(picture(), "WEBP", lossless=True)
    yield "BMP from top to bottom", _top_down(saved(picture(), "BMP"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, pixels: bytes, depth: int = 8) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _with_frame(jpeg: bytes, marker: int) -> bytes:
    return jpeg.replace(b"\xff\xc0", bytes([0xFF, marker]), 1)


def _top_down(bmp: bytes) -> bytes:
    width, height = struct.unpack_from("<ii", bmp, 18)
    rows = (len(bmp) - 54) // height
    lines = [bmp[54 + rows * line : 54 + rows * (line + 1)] for line in reversed(range(height))]
    return bmp[:18] + struct.pack("<ii", width, -height) + bmp[26:54] + b"".join(lines)


def _pillow() -> Any:
    return require("PIL.Image", extra="vision", why="making pictures")
