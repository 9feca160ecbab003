"""Every honest picture is read right; every hostile one is refused, with its reason, quickly and quietly."""

import contextlib
import io
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shortlist.base.errors import MissingExtraError, PictureError
from shortlist.testing.pictures import KINDS, hostile, odd, picture, saved
from shortlist.vision.images.decode import MAX_SCANS, decode
from shortlist.vision.images.header import Header, read_header

SHOWN = picture()


def close(found, expected, most=8.0):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < most


@pytest.fixture
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.usefixtures("_no_warnings")
@pytest.mark.parametrize("seed", [0, 1])
def test_hostile_files_are_refused_with_their_reason(seed):
    for name, data, reason in hostile(seed):
        with pytest.raises(PictureError) as error:
            decode(data, side=320)
        assert (name, error.value.reason) == (name, reason)
        assert len(str(error.value)) < 200


@pytest.mark.usefixtures("_no_warnings")
def test_odd_files_are_read():
    for name, data in odd():
        found = decode(data).astype(int)
        assert np.abs(found - SHOWN).mean() < 8, name


def test_hostile_files_follow_from_the_seed():
    first, again, other = (list(hostile(seed)) for seed in (1, 1, 2))
    assert first == again
    assert len(first) > 250
    assert {data for _, data, _ in first} != {data for _, data, _ in other}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_read(kind):
    found = decode(saved(SHOWN, kind))
    close(found, SHOWN)
    assert (found.dtype, found.flags.writeable) == (np.uint8, True)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "L"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("BMP", "P"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_kind_of_pixel_is_read(kind, mode):
    expected = np.asarray(Image.fromarray(SHOWN).convert(mode).convert("RGB"))
    close(decode(saved(SHOWN, kind, mode)), expected)


def test_black_and_white_is_read():
    found = decode(saved(SHOWN, "PNG", "1"))
    assert set(np.unique(found)) == {0, 255}


def test_sixteen_bits_become_eight():
    grey = SHOWN.mean(axis=2)
    data = saved_16(grey.astype(np.uint16) * 257)
    close(decode(data), np.repeat(grey[..., None], 3, axis=2), most=1)


def saved_16(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("marked", [True, False])
def test_cmyk_is_read_with_and_without_the_mark_of_adobe(marked):
    plain = np.asarray(Image.fromarray(SHOWN).convert("CMYK"))
    file = io.BytesIO()  # Pillow writes as Adobe does: inverted, and marked
    inks = plain if marked else 255 - plain
    Image.frombytes("CMYK", (96, 64), inks.tobytes()).save(file, "JPEG", quality=95)
    data = file.getvalue()
    at = data.index(b"\xff\xee")
    close(decode(data if marked else data[:at] + data[at + 16 :]), SHOWN)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_transparency_lies_on_white(kind):
    layer = np.dstack([SHOWN, np.where(np.arange(96) < 48, 255, 0)[None].repeat(64, 0)]).astype(np.uint8)
    file = io.BytesIO()
    how = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(layer).save(file, kind, **how)
    found = decode(file.getvalue())
    close(found[:, :48], SHOWN[:, :48])
    assert (found[:, 48:] == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_are_upright(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = {
        1: SHOWN, 2: SHOWN[:, ::-1], 3: SHOWN[::-1, ::-1], 4: SHOWN[::-1],
        5: SHOWN.swapaxes(0, 1), 6: np.rot90(SHOWN), 7: SHOWN[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(SHOWN, -1),
    }[orientation]  # fmt: skip
    data = saved(stored, kind, exif=exif)
    close(decode(data), SHOWN)
    assert read_header(data).upright == (96, 64)


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 500), st.integers(16, 500), st.integers(1, 300), st.sampled_from(KINDS))
def test_the_shorter_side_is_what_was_asked_and_never_more_than_there_was(width, height, side, kind):
    found = decode(saved(picture(0, width, height), kind), side=side)
    assert min(found.shape[:2]) == min(side, width, height)
    ratio = min(side, width, height) / min(width, height)
    assert max(found.shape[:2]) == pytest.approx(max(width, height) * ratio, abs=0.51)


def test_shrinking_shows_the_same():
    large = picture(0, 3000, 2000)
    expected = np.asarray(Image.fromarray(large).resize((240, 160), Image.Resampling.BOX))
    for data in (saved(large), saved(large, progressive=True), saved(large, "PNG", compress_level=1)):
        close(decode(data, side=160), expected, most=3)


def test_a_large_jpeg_is_read_small_and_refused_whole():
    data = saved(np.zeros((7000, 7000, 3), np.uint8))
    assert decode(data, side=100).shape == (100, 100, 3)
    with pytest.raises(PictureError, match="40 million"):
        decode(data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_cut_anywhere_it_is_refused_or_whole(kind, draw):
    whole = saved(SHOWN, kind)
    cut = draw.draw(st.integers(0, len(whole) - 1))
    try:
        close(decode(whole[:cut]), SHOWN, most=12)  # only an end without meaning was cut off
        assert len(whole) - cut < 8
    except PictureError as error:
        assert error.reason in {"empty", "truncated", "not a picture"}  # noqa: PT017


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_bytes_changed_anywhere_it_is_refused_or_read(kind, changes):
    data = bytearray(saved(SHOWN, kind))
    for at, value in changes:
        data[at % len(data)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(PictureError):
            assert decode(bytes(data), side=64).ndim == 3


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x99\0\0\0WEBPVP8X", b"GIF89a", b"BM"]),
)
def test_headers_of_noise_never_raise_anything_else(noise, magic):
    with contextlib.suppress(PictureError):
        assert isinstance(read_header(magic + noise), Header)


def test_a_scan_too_many_counts_exactly():
    jpeg = saved(SHOWN, progressive=True)
    own = read_header(jpeg).scans
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    assert read_header(jpeg[:-2] + last * (MAX_SCANS - own) + jpeg[-2:]).scans == MAX_SCANS
    assert decode(jpeg[:-2] + last * (MAX_SCANS - own) + jpeg[-2:]).shape == SHOWN.shape


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.JpegImagePlugin", None)
    with pytest.raises(MissingExtraError, match=r"shortlist\[vision\]"):
        decode(saved(SHOWN))


def test_nothing_of_pillow_is_changed_for_others():
    before = (Image.MAX_IMAGE_PIXELS, list(warnings.filters))
    for _, data, _ in list(hostile())[-20:]:
        with pytest.raises(PictureError):
            decode(data)
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before


def test_grocery_photos_are_read(data_folder):
    files = sorted((data_folder / "grocery").rglob("*.jpg"))[::50]
    for file in files:
        with Image.open(file) as image:
            assert decode(file.read_bytes()).shape[1::-1] == image.size
