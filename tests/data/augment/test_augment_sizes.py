"""Operations that set the canvas's size, in numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightwright.config.sections.augmentation_params import (
    ExpandToFitAffineParams,
    PadToMultipleParams,
    ResizeByScaleParams,
)
from sightwright.data.augment import matrices
from sightwright.data.augment.canvas import Canvas
from sightwright.data.augment.sizes import expand_to_fit_affine, pad_to_multiple, resize_by_scale
from sightwright.data.augment.warp import GREY
from sightwright.geometry import Box, Polygon
from sightwright.inspection_records import DenseObject


def canvas_of(size: tuple[int, int], *boxes: Box) -> Canvas:
    objects = tuple(DenseObject("x", box) for box in boxes)
    return Canvas.of(Image.new("RGB", size, (250, 0, 0)), objects, objects_fixed=False)


def test_padding_is_grey_at_the_right_and_below() -> None:
    canvas = canvas_of((70, 33), Box(1, 2, 60, 30))
    pad_to_multiple(canvas, PadToMultipleParams())
    assert canvas.size == (96, 64)
    assert canvas.image.getpixel((69, 32)) == (250, 0, 0)
    assert canvas.image.getpixel((70, 32)) == canvas.image.getpixel((69, 33)) == GREY
    assert canvas.objects[0].item.geometry == Box(1, 2, 60, 30)
    assert canvas.padding_ratio == pytest.approx(1 - 70 * 33 / (96 * 64))
    fitting = canvas_of((64, 32))
    pad_to_multiple(fitting, PadToMultipleParams())
    assert fitting.size == (64, 32) and fitting.padding_ratio == 0


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"lo": 1.5, "hi": 1.5}, (160, 96)),  # 150 x 75, up to whole blocks
        ({"lo": 1.5, "hi": 1.5, "align_multiple": 1}, (150, 75)),
        ({"scales": [0.5], "align_multiple": 10}, (50, 30)),
    ],
)
def test_a_size_is_scaled_and_rounded_up(params: dict[str, Any], size: tuple[int, int]) -> None:
    canvas = canvas_of((100, 50), Box(0, 0, 99, 49))
    resize_by_scale(canvas, ResizeByScaleParams.model_validate(params), np.random.default_rng(0))
    canvas.finish((DenseObject("x", Box(0, 0, 99, 49)),))
    assert canvas.size == size
    right, bottom = size[0] - 1, size[1] - 1
    found = canvas.objects[0].item.geometry
    assert isinstance(found, Box)
    assert abs(found.x2 - right) <= 1 and abs(found.y2 - bottom) <= 1
    assert canvas.objects[0].coverage == 1 and canvas.padding_ratio < 1e-9


def test_factors_are_drawn_from_the_list() -> None:
    rng = np.random.default_rng(0)
    params = ResizeByScaleParams(scales=(0.5, 2.0), align_multiple=1)
    sizes: set[tuple[int, int]] = set()
    for _ in range(20):
        canvas = canvas_of((40, 20))
        resize_by_scale(canvas, params, rng)
        sizes.add(canvas.size)
    assert sizes == {(20, 10), (80, 40)}


def test_a_turned_image_gets_a_canvas_that_holds_it() -> None:
    canvas = canvas_of((100, 60), Box(0, 0, 99, 59))
    canvas.gather(matrices.rotate(90, (100, 60)), "rotate")
    expand_to_fit_affine(canvas, ExpandToFitAffineParams(multiple=10))
    assert canvas.size == (60, 100)
    assert canvas.log.applied == ["rotate", "expand_to_fit_affine"]
    assert (np.asarray(canvas.image) == (250, 0, 0)).all()
    # At 45 degrees: both sides (100 + 60) / sqrt 2 = 113.1, to 120; the rest is grey.
    canvas = canvas_of((100, 60), Box(0, 0, 99, 59))
    canvas.gather(matrices.rotate(45, (100, 60)), "rotate")
    expand_to_fit_affine(canvas, ExpandToFitAffineParams(multiple=10))
    assert canvas.size == (120, 120)
    assert isinstance(canvas.objects[0].item.geometry, Polygon)
    assert canvas.objects[0].coverage == 1
    assert canvas.padding_ratio == pytest.approx(1 - 6000 / 14400)
    red = (np.asarray(canvas.image, int)[..., 1] < 40).sum()
    assert red == pytest.approx(6000, rel=0.03)


def test_nothing_waiting_only_whole_blocks_are_added() -> None:
    canvas = canvas_of((70, 33), Box(1, 2, 60, 30))
    expand_to_fit_affine(canvas, ExpandToFitAffineParams())
    assert canvas.size == (96, 64)
    assert canvas.objects[0].item.geometry == Box(1, 2, 60, 30) and not canvas.moved
    fitting = canvas_of((64, 32))
    expand_to_fit_affine(fitting, ExpandToFitAffineParams())
    assert fitting.size == (64, 32)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(8, 400), st.integers(8, 400), st.sampled_from([8, 16, 32]),
       st.integers(1024, 40_000), st.floats(-180, 180))  # fmt: skip
def test_a_canvas_has_whole_blocks_and_never_too_many(
    width: int, height: int, multiple: int, max_pixels: int, degrees: float
) -> None:
    canvas = canvas_of((width, height), Box(0, 0, width - 1, height - 1))
    canvas.gather(matrices.rotate(degrees, (width, height)), "rotate")
    expand_to_fit_affine(canvas, ExpandToFitAffineParams(multiple=multiple, max_pixels=max_pixels))
    assert canvas.size[0] % multiple == canvas.size[1] % multiple == 0
    assert canvas.size[0] * canvas.size[1] <= max_pixels
    assert canvas.objects[0].coverage == 1 and canvas.log.dropped == []


def test_the_documents_number() -> None:
    canvas = canvas_of((1000, 1000), Box(0, 0, 999, 999))
    expand_to_fit_affine(canvas, ExpandToFitAffineParams())
    assert canvas.size == (960, 960)
    canvas.finish((DenseObject("x", Box(0, 0, 999, 999)),))
    assert canvas.objects[0].item.geometry == Box(0, 0, 959, 959)
