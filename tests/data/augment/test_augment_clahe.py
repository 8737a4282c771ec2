"""CLAHE against OpenCV's own results (5.0.0, stored), and the lightness that it works on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightwright.data.augment.clahe import clahe, clahe_image
from sightwright.data.augment.lightness import Lightness

STORED = Path(__file__).parent / "clahe_opencv.npz"


@pytest.mark.parametrize("number", range(7))
def test_every_level_is_opencvs(number: int) -> None:
    # 64x64, sides that the tiles do not divide, one side that they do, flat grey, steep limits.
    with np.load(STORED) as stored:
        clip_limit, across, down = stored[f"how{number}"]
        levels, expected = stored[f"in{number}"], stored[f"out{number}"]
    found = clahe(levels, float(clip_limit), (int(across), int(down)))
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_one_tile_is_a_clipped_equalisation_worked_out_by_hand() -> None:
    # 4x4 of levels 0 and 255, eight each; limit max(int(32 * 16 / 256), 1) = 2. Twelve counts
    # are cut off and dealt to every 21st level: 0, 21, ..., 231. So 0 has 2 + 1 = 3 of 16, and
    # before 255 come 2 + 12 = 14, with it 16: 0 becomes 3/16 of 255 = 47.8, 255 stays.
    levels = np.array([[0, 255] * 2] * 4, np.uint8)
    assert np.array_equal(clahe(levels, 32.0, (1, 1)), np.where(levels == 0, 48, 255))


def test_lightness_is_that_of_the_cie() -> None:
    # sRGB mid grey 119 is L* 50.03; pure red is L* 53.24, blue 32.30 (D65).
    colours = np.array([[[0, 0, 0], [255, 255, 255], [119, 119, 119], [255, 0, 0], [0, 0, 255]]])
    levels = Lightness(colours.astype(np.uint8)).levels[0]
    assert list(levels) == [0, 255, 128, 136, 82]


def test_an_image_with_its_own_lightness_is_itself() -> None:
    levels = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    apart = Lightness(levels)
    difference = np.abs(apart.with_levels(apart.levels).astype(int) - levels)
    assert difference.max() <= 4 and difference.mean() < 0.5


def test_a_grey_image_stays_grey_and_gains_contrast() -> None:
    levels = np.random.default_rng(2).normal(120, 5, (96, 96)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(np.repeat(levels[..., None], 3, axis=2))
    found = np.asarray(clahe_image(image, 3.0, (8, 8))).astype(int)
    assert (found.max(axis=2) - found.min(axis=2)).max() <= 1
    assert found.std() > 2 * levels.std()


def test_the_whole_road_is_near_opencvs() -> None:
    # OpenCV rounds a* and b* to whole numbers on the way, and L* to others of its tables.
    with np.load(STORED) as stored:
        image, expected = stored["rgb"], stored["rgb_out"]
    found = np.asarray(clahe_image(Image.fromarray(image), 3.0, (8, 8))).astype(int)
    assert np.abs(found - expected).mean() < 3
