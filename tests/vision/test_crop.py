"""Boxes are cut at their coordinates, and the main object is found where there is one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.base.errors import InvalidRequestError
from shortlist.testing.pictures import picture
from shortlist.vision.images.crop import WHOLE_PICTURE, crop, main_object
from shortlist.vision.images.decode import decode

shares = st.floats(0, 1)


def scene(box, colour=(200, 30, 30), ground=(240, 240, 240), size=(200, 300), noise=4):
    height, width = size
    shown = np.clip(np.random.default_rng(0).normal(ground, noise, (height, width, 3)), 0, 255).astype(
        np.uint8
    )
    left, top, right, bottom = box
    shown[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = colour
    return shown


def overlap(one, other):
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    return both / (
        (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both
    )


def test_a_box_is_cut():
    shown = picture(0, 100, 50)
    assert np.array_equal(crop(shown, (0.1, 0.2, 0.5, 1.0)), shown[10:50, 10:50])
    assert np.array_equal(crop(shown, WHOLE_PICTURE), shown)


@given(st.tuples(shares, shares, shares, shares))
def test_every_box_holds_a_pixel_or_is_refused(box):
    left, top, right, bottom = box
    if left < right and top < bottom:
        assert min(crop(picture(), box).shape) > 0
    else:
        with pytest.raises(InvalidRequestError, match="crop"):
            crop(picture(), box)


@pytest.mark.parametrize(
    "box",
    [
        (),
        (0, 0, 1),
        (0, 0, 1, 2),
        (-0.1, 0, 1, 1),
        (0, 0, float("nan"), 1),
        (0, 0, float("inf"), 1),
        (0.5, 0, 0.5, 1),
    ],
)
def test_bad_boxes_are_refused(box):
    with pytest.raises(InvalidRequestError, match="crop"):
        crop(picture(), box)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (90, 120, 200)])
@pytest.mark.parametrize("box", [(0.1, 0.2, 0.4, 0.7), (0.5, 0.5, 0.9, 0.9), (0.3, 0.1, 0.6, 0.9)])
def test_an_object_on_a_plain_ground_is_found(box, ground):
    assert overlap(main_object(scene(box, ground=ground)), box) > 0.7


def test_specks_are_no_object():
    shown = scene((0.2, 0.2, 0.5, 0.6))
    shown[-6:-3, -6:-3] = 0
    assert overlap(main_object(shown), (0.2, 0.2, 0.5, 0.6)) > 0.7


def test_a_busy_scene_is_left_whole():
    texture = (
        np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
    )
    texture[60:120, 80:140] = 255
    assert main_object(texture) == WHOLE_PICTURE


@pytest.mark.parametrize(
    "shown", [np.full((64, 64, 3), 128, np.uint8), scene((0, 0, 1, 1)), np.zeros((16, 900, 3), np.uint8)]
)
def test_where_nothing_stands_out_it_is_the_whole(shown):
    assert main_object(shown) == WHOLE_PICTURE


def test_studio_pictures_are_cut_to_their_object(data_folder):
    files = sorted((data_folder / "grocery" / "images" / "iconic-images-and-descriptions").rglob("*.jpg"))
    boxes = [main_object(decode(file.read_bytes())) for file in files]
    assert all(left < right and top < bottom for left, top, right, bottom in boxes)
    assert np.mean([box != WHOLE_PICTURE for box in boxes]) > 0.5
