"""An album keeps each picture once, durably, for any number of threads and processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import polars as pl
import pytest
from PIL import Image

from shortlist.base.errors import NotFoundError, PictureError
from shortlist.testing.pictures import picture, saved
from shortlist.vision.images.album import Album, PictureFacts, SourceRecord
from shortlist.vision.images.decode import decode
from shortlist.vision.images.duplicates import content_hash, perceptual_hash


@pytest.fixture
def album(tmp_path):
    with closing(Album(tmp_path / "pictures")) as made:
        yield made


def test_a_picture_is_kept_small_and_upright(album, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = picture(0, 900, 600)
    data = saved(np.rot90(shown), exif=exif)
    hash = album.add(data)
    assert hash == content_hash(data)
    assert hash in album
    assert album.read(hash).shape == (320, 480, 3)
    assert np.abs(album.read(hash).astype(int) - decode(saved(shown), side=320)).mean() < 4
    file = tmp_path / "pictures" / hash[:2] / f"{hash}.jpg"
    assert file.read_bytes() == album.bytes(hash)
    with Image.open(file) as canonical:
        assert (canonical.format, canonical.mode, dict(canonical.getexif())) == ("JPEG", "RGB", {})
    facts = album.facts().row(0, named=True)
    assert facts == {
        "hash": hash, "width": 900, "height": 600, "bytes": len(data), "perceptual_hash": facts["perceptual_hash"],
    }  # fmt: skip
    assert (facts["perceptual_hash"] ^ perceptual_hash(shown)).bit_count() <= 4


def test_small_pictures_are_not_enlarged_and_long_ones_are_bounded(album):
    assert album.read(album.add(saved(picture(0, 40, 20)))).shape == (20, 40, 3)
    assert max(album.read(album.add(saved(picture(0, 8000, 100)))).shape) <= 1280


def test_facts_are_typed_and_perceptual_hash_is_unsigned(album):
    assert album.facts().schema == {
        "hash": pl.String, "width": pl.Int64, "height": pl.Int64, "perceptual_hash": pl.UInt64, "bytes": pl.Int64,
    }  # fmt: skip
    album.record([PictureFacts("00" * 32, 1, 2, 2**64 - 1, 3), PictureFacts("ff" * 32, 1, 2, 2**63, 3)])
    assert album.facts()["perceptual_hash"].to_list() == [2**64 - 1, 2**63]


def test_a_picture_comes_once(album):
    data = saved(picture())
    assert album.add(data) == album.add(data)
    assert len(album) == 1


def test_what_is_none_is_refused_and_leaves_nothing(album, tmp_path):
    with pytest.raises(PictureError, match="not a picture"):
        album.add(b"no picture at all")
    assert (len(album), list((tmp_path / "pictures").glob("*/*"))) == (0, [])


def test_unknown_pictures_are_not_found(album):
    assert "ab" * 32 not in album
    with pytest.raises(NotFoundError, match="abab"):
        album.read("ab" * 32)


def test_what_sources_held_is_remembered(album):
    hash = album.add(saved(picture()))
    seen = [SourceRecord("a.jpg", "1:2", hash, None), SourceRecord("b.jpg", "3:4", None, "truncated")]
    album.record([], seen)
    album.record([], [SourceRecord("b.jpg", "5:6", None, "damaged")])
    assert album.source_records(["a.jpg", "b.jpg", "c.jpg"]) == {
        "a.jpg": seen[0],
        "b.jpg": SourceRecord("b.jpg", "5:6", None, "damaged"),
    }


def test_threads_share_an_album(album):
    files = [saved(picture(number % 20)) for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        hashes = list(pool.map(album.add, files))
    assert len(album) == len(set(hashes)) == 20
    assert all(album.read(hash).shape == (64, 96, 3) for hash in hashes)


ADD = """
import sys
from pathlib import Path
from shortlist.testing.pictures import picture, saved
from shortlist.vision.images.album import Album
album = Album(Path(sys.argv[1]))
for number in range(25):
    print(album.add(saved(picture(number + int(sys.argv[2])))), flush=True)
"""


def test_processes_add_at_the_same_time(album, tmp_path):
    command = [sys.executable, "-c", ADD, str(tmp_path / "pictures")]
    running = [subprocess.Popen([*command, str(10 * n)], stdout=subprocess.PIPE, text=True) for n in range(3)]
    printed = {hash for each in running for hash in each.communicate()[0].split()}
    assert [each.returncode for each in running] == [0, 0, 0]
    assert len(printed) == len(album) == 45
    assert set(album.facts()["hash"]) == printed
