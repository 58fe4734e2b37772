"""Drawn pictures: each from its seed alone, of every kind, and never in the font of the test pictures."""

import random

import numpy as np
import pytest

from mmdemo.datasets import drawn
from mmdemo.datasets.drawn import fonts
from mmdemo.datasets.drawn.canvas import CORNERS, apart, colour, jpeg, luma, subpixels
from mmdemo.datasets.drawn.shapes import flat

try:
    fonts.find_fonts()
except fonts.MissingError:
    pytest.skip("this machine has no fonts", allow_module_level=True)


@pytest.mark.parametrize("name", list(drawn.PROGRAMS))
def test_a_picture_is_made_of_its_seed(name):
    a, b = (np.asarray(drawn.PROGRAMS[name](random.Random(seed), 64)) for seed in (5, 5))
    assert a.shape == (64, 64, 3) and a.dtype == np.uint8 and np.array_equal(a, b)
    others = [np.asarray(drawn.PROGRAMS[name](random.Random(seed), 64)) for seed in range(6, 10)]
    assert any(not np.array_equal(a, other) for other in others)


def test_many_are_those_of_seeds_in_a_row():
    many = drawn.draw_many(3, seed=40, size=48, workers=0)
    assert many.shape == (3, 3, 48, 48)
    for i, picture in enumerate(many):
        assert np.array_equal(picture.permute(1, 2, 0), np.asarray(drawn.draw(40 + i, 48)))
    assert drawn.draw_many(0).shape == (0, 3, drawn.SIZE, drawn.SIZE)


def test_shares_are_of_programs_and_whole():
    assert drawn.SHARES.keys() == drawn.PROGRAMS.keys() and sum(drawn.SHARES.values()) == pytest.approx(1)


def test_flat_pictures_show_the_corners_of_the_cube_and_all_between():
    rng = random.Random(0)
    seen = {tuple(np.asarray(flat(rng, 8))[0, 0].tolist()) for _ in range(300)}
    assert set(CORNERS) <= seen and len(seen) > 150


def test_a_colour_on_a_ground_is_seen():
    rng = random.Random(1)
    for _ in range(50):
        ground = colour(rng)
        assert abs(luma(apart(rng, ground)) - luma(ground)) > 60


def test_jpeg_keeps_the_size_and_little_else():
    picture = drawn.PROGRAMS["pattern"](random.Random(2), 64)
    again = jpeg(picture, 40)
    assert again.size == picture.size and not np.array_equal(again, picture)


def test_subpixels_lie_beside_each_other():
    from PIL import Image

    wide = np.zeros((6, 12, 3), np.uint8)
    wide[:, 6:] = 255
    narrow = np.asarray(subpixels(Image.fromarray(wide)))
    assert narrow.shape == (6, 4, 3)
    edge = narrow[3, 1:3].astype(int)  # blue, the right subpixel, is lit before red on its left
    assert edge[0, 2] > edge[0, 0] or edge[1, 2] > edge[1, 0]


def test_the_font_of_the_test_pictures_is_left_out():
    assert fonts.LEFT_OUT.search("Aileron-Regular.otf") and not fonts.LEFT_OUT.search("DejaVuSans.ttf")
    from PIL import ImageFont

    assert "Aileron" in ImageFont.load_default(12).getname()[0]
