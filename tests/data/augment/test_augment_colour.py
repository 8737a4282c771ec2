"""Colour operations and scan effects: levels by hand, objects untouched, print legible."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from sightwright.config.sections.augmentation import Augmentation
from sightwright.data.augment.pipeline import Augmented, Pipeline
from sightwright.geometry import Box
from sightwright.inspection_records import DenseObject

OBJECTS = (DenseObject("x", Box(1.5, 2, 30.25, 20)),)


def applied(image: Image.Image, name: str, record_id: str = "a", **params: Any) -> Augmented:
    step = {"name": name, "params": {"prob": 1.0, **params}}
    settings = Augmentation.model_validate({"enabled": True, "ops": [step]})
    return Pipeline.of(settings).apply(image, OBJECTS, seed=1, epoch=0, record_id=record_id)


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.int64)


def flat(*colour: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, tuple(colour))


def colour(image: Image.Image) -> tuple[int, ...]:
    pixel = image.getpixel((5, 5))
    assert isinstance(pixel, tuple)
    return tuple(int(level) for level in pixel)


NOTHING: dict[str, Any] = {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1]}


def test_levels_are_those_worked_out_by_hand() -> None:
    def one(image: Image.Image, name: str, **params: Any) -> tuple[int, ...]:
        return colour(applied(image, name, **params).image)

    assert one(flat(100, 60, 20), "color_jitter", **NOTHING) == (100, 60, 20)
    assert one(flat(100, 60, 20), "color_jitter", **NOTHING | {"brightness": [1.5, 1.5]}) == (
        150, 90, 30,
    )  # fmt: skip
    # Grey of (100, 60, 20) is 0.299 * 100 + 0.587 * 60 + 0.114 * 20 = 67.4.
    assert one(flat(100, 60, 20), "color_jitter", **NOTHING | {"saturation": [0, 0]}) == (
        67, 67, 67,
    )  # fmt: skip
    # 255 * (64 / 255) ** 2 = 16.06
    assert one(flat(64, 0, 255), "gamma", gamma=[2, 2]) == (16, 0, 255)
    # A third of the circle: red to green; half the value.
    hsv = {"hue_deg": [120, 120], "saturation": [1, 1], "value": [0.5, 0.5]}
    red, green, blue = one(flat(200, 0, 0), "hsv", **hsv)
    assert (red, blue) == (0, 0) or max(red, blue) <= 3
    assert green == 100
    assert one(flat(100, 200, 128), "solarize") == (100, 55, 127)
    assert one(flat(100, 200, 15), "posterize", bits=4) == (96, 192, 0)


def test_contrast_pulls_to_the_mean() -> None:
    image = flat(40, 40, 40)
    image.paste((200, 200, 200), (0, 0, 20, 30))
    params = NOTHING | {"contrast": [0.5, 0.5]}
    assert set(np.unique(levels(applied(image, "color_jitter", **params).image))) == {80, 160}
    stretched = levels(applied(image, "auto_contrast").image)
    assert set(np.unique(stretched)) == {0, 255}
    equal = applied(image, "equalize").image
    assert np.array_equal(levels(equal), levels(ImageOps.equalize(image)))


def test_sharpness_goes_both_ways() -> None:
    edge = flat(100, 100, 100)
    edge.paste((150, 150, 150), (20, 0, 40, 30))
    softer = levels(applied(edge, "sharpness", factor=[0, 0]).image)[10, :, 0]
    sharper = levels(applied(edge, "sharpness", factor=[2, 2]).image)[10, :, 0]
    assert 100 < softer[19] < softer[20] < 150
    assert sharper[19] < 100 and sharper[20] > 150


COLOUR = [
    "color_jitter", "gamma", "hsv", "clahe", "auto_contrast", "equalize", "solarize", "posterize",
    "sharpness", "scan_blur", "scan_jpeg", "scan_noise", "scan_shadow", "scan_stamp",
]  # fmt: skip


@pytest.mark.parametrize("name", COLOUR)
def test_objects_and_the_given_image_are_left_alone(name: str) -> None:
    image = Image.effect_noise((64, 48), 20).convert("RGB")
    before = image.tobytes()
    result = applied(image, name)
    assert result.objects == OBJECTS  # in fractions of a pixel, as they came
    assert result.image.size == image.size and result.image.mode == "RGB"
    assert image.tobytes() == before
    assert result.report.applied == (name,)
    assert result.image.tobytes() != before


# Scans


def page() -> Image.Image:
    image = Image.new("RGB", (300, 400), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    for y in range(20, 380, 18):
        draw.text((20, y), f"Item {y} of the order 12345", fill=(10, 10, 10))
    return image


def test_noise_is_grey_and_as_strong_as_it_says() -> None:
    noisy = levels(applied(flat(128, 128, 128, size=(200, 200)), "scan_noise", sigma=[8, 8]).image)
    assert (noisy[..., 0] == noisy[..., 1]).all() and (noisy[..., 1] == noisy[..., 2]).all()
    assert noisy[..., 0].mean() == pytest.approx(128, abs=0.3)
    assert noisy[..., 0].std() == pytest.approx(8, rel=0.03)


def test_a_shadow_is_deepest_at_one_edge_and_gone_after_its_width() -> None:
    edges: set[str] = set()
    for record_id in "abcdefghijkl":
        result = applied(
            flat(200, 200, 200, size=(100, 100)), "scan_shadow", record_id,
            strength=[0.4, 0.4], width=[0.3, 0.3],
        )  # fmt: skip
        light = levels(result.image)[..., 0]
        corners = {"left": light[50, 0], "right": light[50, 99], "top": light[0, 50],
                   "bottom": light[99, 50]}  # fmt: skip
        (edge,) = [name for name, level in corners.items() if level < 130]
        assert 120 <= corners[edge] <= 124  # 200 * (1 - 0.4), half a pixel in
        assert light[50, 50] == 200
        edges.add(edge)
    assert len(edges) == 4


def test_a_stamp_takes_some_light_of_a_part_and_hides_no_print() -> None:
    image = page()
    stamped = applied(image, "scan_stamp", strength=[0.5, 0.5], size=[0.35, 0.35]).image
    before, after = levels(image), levels(stamped)
    changed = (before != after).any(axis=2)
    assert 0.002 < changed.mean() < 0.15
    assert (after <= before).all() and (after >= before * 0.5 - 1).all()
    columns = np.nonzero(changed)[1]
    assert 60 < np.ptp(columns) <= 125


def test_a_jpeg_and_a_blur_change_little() -> None:
    image = page()
    jpeg = levels(applied(image, "scan_jpeg", quality=[50, 50]).image)
    assert 0.2 < np.abs(jpeg - levels(image)).mean() < 8
    blurred = levels(applied(image, "scan_blur", radius=[1, 1]).image)
    assert blurred.mean() == pytest.approx(levels(image).mean(), abs=0.5)
    assert blurred.std() < 0.8 * levels(image).std()


def test_a_page_laid_askew_is_turned_by_no_more_than_it_says() -> None:
    result = applied(page(), "scan_skew", max_deg=3)
    assert result.report.applied == ("scan_skew",)
    assert 0 < result.report.padding_ratio < 0.06
