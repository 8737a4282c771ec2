"""Maps of the plane, and the one warp that draws them: every half pixel in its place."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightwright.data.augment import matrices
from sightwright.data.augment.canvas import Canvas
from sightwright.data.augment.matrices import IDENTITY, compose, inverse
from sightwright.data.augment.warp import GREY, warp
from sightwright.geometry import Box, Line, Matrix, Polygon, transform
from sightwright.inspection_records import DenseObject


def noise(width: int, height: int) -> Image.Image:
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and np.array_equal(np.asarray(one), np.asarray(other))


def moved(x: float, y: float, matrix: Matrix) -> tuple[float, float]:
    return transform(Line(((x, y), (x + 1, y))), matrix).points[0]


def test_columns_are_mirrored_about_the_middle_of_the_outermost_pixels() -> None:
    assert transform(Box(0, 2, 3, 5), matrices.hflip((10, 8))) == Box(6, 2, 9, 5)
    assert transform(Box(0, 2, 3, 5), matrices.vflip((10, 8))) == Box(0, 2, 3, 5)
    assert transform(Box(0, 0, 3, 5), matrices.vflip((10, 8))) == Box(0, 2, 3, 7)


def test_a_quarter_turn_is_clockwise_about_the_centre() -> None:
    # In 11 x 11 the centre is (5, 5): the middle of the top row goes to the right column.
    turned = transform(Line(((5, 0), (5, 2))), matrices.rotate(90, (11, 11)))
    assert np.allclose(turned.points, ((8, 5), (10, 5)))


@pytest.mark.parametrize("size", [(12, 12), (13, 13)])
@pytest.mark.parametrize(
    ("degrees", "how"),
    [
        (90, Image.Transpose.ROTATE_270),
        (180, Image.Transpose.ROTATE_180),
        (270, Image.Transpose.ROTATE_90),
    ],
)
def test_quarter_turns_move_pixels_and_change_none(
    size: tuple[int, int], degrees: int, how: Image.Transpose
) -> None:
    # A warp that is half a pixel off would mix neighbours, and lose a row or a column.
    exact = tuple(tuple(float(round(n, 9)) for n in row) for row in matrices.rotate(degrees, size))
    assert same(warp(noise(*size), exact, size), noise(*size).transpose(how))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(12, 9), (13, 10)])
def test_mirrors_are_exact_with_and_without_the_short_cut(size: tuple[int, int]) -> None:
    image = noise(*size)
    across = matrices.hflip(size)
    assert same(warp(image, across, size), image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    # Onto a wider canvas there is no short cut: a column of grey, and the mirrored image.
    wider = warp(image, compose(matrices.shift(1, 0), across), (size[0] + 1, size[1]))
    assert same(wider.crop((1, 0, *wider.size)), warp(image, across, size))
    assert wider.getpixel((0, 0)) == GREY
    both = compose(across, matrices.vflip(size))
    assert same(warp(image, both, size), image.transpose(Image.Transpose.ROTATE_180))


def test_a_projective_map_that_only_shifts_moves_whole_pixels() -> None:
    corners = matrices.border((20, 16))
    matrix = matrices.projection(corners, [(x + 3, y + 2) for x, y in corners])
    assert np.allclose(matrix, matrices.shift(3, 2))
    drawn = warp(noise(20, 16), (*matrix[:2], (1e-12, 0.0, 1.0)), (23, 18))
    difference = np.asarray(drawn.crop((3, 2, 23, 18)), int) - np.asarray(noise(20, 16), int)
    assert np.abs(difference).max() <= 1  # Pillow cuts fractions off, 99.99 to 99.
    assert drawn.getpixel((2, 2)) == GREY


def test_a_projective_map_takes_the_corners_where_it_is_told() -> None:
    corners = matrices.border((40, 30))
    wanted = [(1.0, 2.0), (37.5, -1.0), (41.0, 33.0), (-2.0, 27.0)]
    matrix = matrices.projection(corners, wanted)
    for corner, point in zip(corners, wanted, strict=True):
        assert np.allclose(moved(*corner, matrix), point)


def test_resizing_maps_borders_on_borders() -> None:
    matrix = matrices.resize((10, 10), (20, 5))
    assert moved(-0.5, -0.5, matrix) == (-0.5, -0.5)
    assert moved(9.5, 9.5, matrix) == (19.5, 4.5)
    assert moved(0, 0, matrix) == (0.5, -0.25)
    # A ramp of 4 levels a column, drawn three times as wide: the level of where each column's
    # middle comes from, whichever bicubic kernel draws it.
    ramp = np.repeat((np.arange(60, dtype=np.uint8) * 4)[None, :, None], 3, axis=2).repeat(
        9, axis=0
    )
    wide = (180, 9)
    expected = ((np.arange(180) + 0.5) / 3 - 0.5) * 4
    for drawn in (
        warp(Image.fromarray(ramp), matrices.resize((60, 9), wide), wide),
        Image.fromarray(ramp).resize(wide, Image.Resampling.BICUBIC),
    ):
        levels = np.asarray(drawn, float)[4, 6:-6, 0]
        assert np.abs(levels - expected[6:-6]).max() <= 1


def test_what_is_drawn_much_smaller_is_not_broken_up() -> None:
    # Lines of one pixel, four apart, at a fifth of the size: an even grey of a quarter's light.
    levels = np.zeros((200, 200, 3), np.uint8)
    levels[:, ::4] = 255
    drawn = warp(Image.fromarray(levels), matrices.scale(0.2, (200, 200)), (200, 200))
    inner = np.asarray(drawn, int)[90:110, 90:110]
    assert abs(inner.mean() - 64) < 3 and inner.std() < 12


def test_a_larger_canvas_is_grey_where_no_image_is() -> None:
    image = noise(8, 6)
    assert warp(image, IDENTITY, (8, 6)) is image
    wider = warp(image, IDENTITY, (10, 9))
    assert same(wider.crop((0, 0, 8, 6)), image)
    assert wider.getpixel((9, 0)) == wider.getpixel((0, 8)) == GREY


def test_lengths_grow_by_the_magnification() -> None:
    assert matrices.magnification(matrices.scale(0.5, (40, 30)), (3, 4)) == pytest.approx(0.5)
    assert matrices.magnification(matrices.rotate(33, (40, 30)), (3, 4)) == pytest.approx(1)
    corners = matrices.border((40, 30))
    wanted = [(5.0, 2.0), (37.5, -1.0), (41.0, 33.0), (-2.0, 27.0)]
    matrix = matrices.projection(corners, wanted)
    (x, y), step = (20.0, 15.0), 1e-4
    here, right, below = (moved(*p, matrix) for p in ((x, y), (x + step, y), (x, y + step)))
    area = (right[0] - here[0]) * (below[1] - here[1]) - (below[0] - here[0]) * (right[1] - here[1])
    assert matrices.magnification(matrix, (x, y)) == pytest.approx(math.sqrt(area) / step, rel=1e-3)


ANGLES = st.floats(-180, 180)
FACTORS = st.floats(0.2, 5)
COORDINATES = st.tuples(st.integers(0, 99), st.integers(0, 79))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(ANGLES, FACTORS, st.lists(st.floats(-8, 8), min_size=8, max_size=8),
       st.lists(COORDINATES, min_size=3, max_size=6, unique=True))  # fmt: skip
def test_the_inverse_brings_geometry_back(
    degrees: float, factor: float, shifts: list[float], points: list[tuple[int, int]]
) -> None:
    size = (100, 80)
    corners = matrices.border(size)
    pushed = [
        (x + dx, y + dy) for (x, y), dx, dy in zip(corners, shifts[:4], shifts[4:], strict=True)
    ]
    matrix = compose(matrices.rotate(degrees, size), matrices.projection(corners, pushed))
    matrix = compose(matrices.hflip(size), compose(matrices.scale(factor, size), matrix))
    back = inverse(matrix)
    for shape in (Line(tuple(points)), Polygon(tuple(points))):
        again = transform(transform(shape, matrix), back)
        found = sorted((round(x, 6) + 0.0, round(y, 6) + 0.0) for x, y in again.points)
        assert np.allclose(found, sorted(points), atol=1e-5)


def test_a_map_is_near_while_its_horizon_is_far() -> None:
    size = (400, 60)
    corners = matrices.border(size)
    assert matrices.is_near(matrices.rotate(73, size), corners)
    # The right side half as high as the left: a depth of 2 there, and of 0 at twice the width.
    narrowed = [corners[0], (399.5, 14.5), (399.5, 44.5), corners[3]]
    matrix = matrices.projection(corners, narrowed)
    assert matrices.is_near(matrix, corners)
    assert matrices.is_near(matrix, [(0, 0), (900, 0)])
    assert not matrices.is_near(matrix, [(0, 0), (-350, 0)])
    assert not matrices.is_near(matrix, [(0, 0), (-500, 0)])


def test_beyond_the_horizon_what_waits_is_drawn_first() -> None:
    size = (60, 400)
    corners = matrices.border(size)
    narrowed = [corners[0], (59.5, 99.5), (59.5, 299.5), corners[3]]
    objects = (DenseObject("x", Box(25, 190, 35, 210)),)
    for degrees, applied in ((0, []), (90, ["rotate"])):
        # Upright the image lies before the horizon; lying across, its ends are beyond it.
        canvas = Canvas.of(noise(*size), objects, objects_fixed=False)
        canvas.gather(matrices.rotate(degrees, size), "rotate")
        canvas.gather(matrices.projection(corners, narrowed), "perspective")
        assert canvas.log.applied == applied
        canvas.flush()
        assert canvas.log.applied == ["rotate", "perspective"]
        assert len(canvas.objects) == 1
        assert (canvas.padding_ratio < 0.5) is (degrees == 0)
