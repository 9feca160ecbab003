"""The same picture is recognised, saved again or resized; different pictures are not."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shortlist.testing.pictures import picture, saved
from shortlist.vision.images.decode import decode
from shortlist.vision.images.duplicates import (
    MAX_DISTANCE,
    content_hash,
    downsample,
    near_duplicates,
    perceptual_hash,
)


def by_hand(hashes, distance):
    """Groups by comparing everything with everything."""
    group = list(range(len(hashes)))
    for one in range(len(hashes)):
        for other in range(one):
            if (int(hashes[one]) ^ int(hashes[other])).bit_count() <= distance:
                low, high = sorted((group[one], group[other]))
                group = [low if each == high else each for each in group]
    return group


def test_the_content_hash_is_that_of_sha256sum():
    assert content_hash(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_hashes_never_change():
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert f"{perceptual_hash(noise):016x}" == "92d1778052aeae37"  # albums hold it


@pytest.mark.parametrize("seed", range(8))
def test_a_picture_saved_again_or_resized_is_near(seed):
    shown = picture(seed, 400, 300)
    image = Image.fromarray(shown)
    for other in (
        decode(saved(shown, quality=30)),
        decode(saved(shown, "WEBP", quality=40)),
        np.asarray(image.resize((200, 150))),
        np.asarray(image.resize((123, 77))),
        np.asarray(image.resize((900, 700))),
    ):
        assert (perceptual_hash(shown) ^ perceptual_hash(other)).bit_count() <= MAX_DISTANCE


def test_strangers_are_not_near():
    hashes = np.array([perceptual_hash(picture(seed)) for seed in range(300)], np.uint64)
    assert np.array_equal(near_duplicates(hashes), np.arange(300))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 63), max_size=6)), max_size=40),
)
def test_groups_are_exact(distance, parts):
    seeds = np.random.default_rng(0).integers(0, 2**63, 6, dtype=np.uint64)
    hashes = np.array(
        [
            np.bitwise_xor.reduce([seeds[seed], *(np.uint64(1 << bit) for bit in bits)])
            for seed, bits in parts
        ],
        np.uint64,
    )
    assert near_duplicates(hashes, distance).tolist() == by_hand(hashes, distance)


def test_the_last_bit_counts_like_any_other():
    hashes = np.array([0, 1 << 63, 1, (1 << 63) | 1, (1 << 64) - 1], np.uint64)
    assert near_duplicates(hashes, 0).tolist() == [0, 1, 2, 3, 4]
    assert near_duplicates(hashes, 1).tolist() == [0, 0, 0, 0, 4]


@given(st.integers(16, 90), st.integers(16, 90))
def test_fields_keep_the_mean(width, height):
    shown = picture(1, width, height)
    assert downsample(shown, 32).mean() == pytest.approx(shown.mean(), abs=0.1)


def test_grocery_photos_are_near_their_copies_and_few_others(data_folder):
    files = sorted((data_folder / "grocery" / "images" / "train").rglob("*.jpg"))[::10]
    shown = [decode(file.read_bytes()) for file in files]
    copies = [decode(saved(each, quality=50), side=120) for each in shown]
    hashes = np.array([perceptual_hash(each) for each in shown + copies], np.uint64)
    apart = np.bitwise_count(hashes[: len(shown)] ^ hashes[len(shown) :])
    assert (apart <= MAX_DISTANCE).mean() > 0.97
    assert len(np.unique(near_duplicates(hashes[: len(shown)]))) > 0.99 * len(shown)
