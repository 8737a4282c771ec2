import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sightwright.geometry import (
    Box,
    Geometry,
    Line,
    Matrix,
    Polygon,
    area,
    bounds,
    canonical,
    faults,
)
from sightwright.ingest.annotations import shapes
from sightwright.ingest.annotations.shapes import Shaped, ShapeRules, repaired, shape

SAME: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
HALF: Matrix = ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 1))


def made(
    *parts: Geometry, matrix: Matrix = SAME, size: tuple[int, int] = (100, 80), **rules: object
) -> Shaped:
    return shape(parts, matrix, size, ShapeRules(**rules))  # type: ignore[arg-type]


def outcome(found: Shaped) -> tuple[Geometry | None, list[str], list[str]]:
    return found.geometry, found.changes, [reason for reason, _ in found.faults]


def test_a_shape_that_fits_is_left_alone_but_for_rounding() -> None:
    assert outcome(made(Box(1.2, 2.6, 30.4, 40.5))) == (Box(1, 3, 30, 40), [], [])
    ring = Polygon(((10, 10), (30, 10), (20, 25)))
    assert outcome(made(ring, matrix=HALF)) == (
        Polygon(((5, 5), (15, 5), (10, 12))), [], [],
    )  # fmt: skip
    numbers = made(ring, matrix=HALF).geometry
    assert numbers is not None and all(type(x) is int for point in numbers.points for x in point)


def test_of_several_pieces_the_largest_is_kept() -> None:
    small, large = Polygon(((0, 0), (5, 0), (0, 5))), Polygon(((20, 20), (60, 20), (20, 60)))
    assert outcome(made(small, large)) == (large, [shapes.LARGEST_PART], [])
    # A piece of nothing costs nothing where another is kept.
    nothing = Polygon(((1, 1), (2, 2), (3, 3)))
    assert outcome(made(nothing, large)) == (large, [shapes.LARGEST_PART], [])
    # Nor does a smaller one that crosses itself.
    bow_tie = Polygon(((0, 0), (5, 5), (5, 0), (0, 5)))
    assert outcome(made(bow_tie, large)) == (large, [shapes.LARGEST_PART], [])
    assert outcome(made(nothing, nothing))[2] == ["no-area", "no-area"]


def test_a_ring_that_crosses_itself_is_its_largest_part() -> None:
    # The left lobe of the eight is 20 high, the right one 40.
    eight = Polygon(((0, 20), (30, 60), (30, 20), (0, 40)))
    geometry, changes, reasons = outcome(made(eight))
    assert (changes, reasons) == ([shapes.REPAIRED], ["self-crossing"])
    assert geometry is not None and not faults(geometry) and area(geometry) > 200


def test_a_bow_tie_has_a_part_to_keep() -> None:
    # Its halves cancel out: the shoelace sum is 0.
    tie = Polygon(((0, 0), (20, 20), (20, 0), (0, 20)))
    geometry, _, reasons = outcome(made(tie))
    assert geometry is not None and area(geometry) == 100 and reasons == ["self-crossing"]


def test_what_reaches_over_the_edge_is_clipped() -> None:
    assert outcome(made(Box(-10, 20, 150, 60))) == (Box(0, 20, 100, 60), [shapes.CLIPPED], [])
    geometry, changes, _ = outcome(made(Polygon(((80, 10), (120, 10), (80, 50)))))
    assert changes == [shapes.CLIPPED]
    assert geometry == Polygon(((80, 10), (100, 10), (100, 30), (80, 50)))
    assert outcome(made(Line(((50, 40), (150, 40))))) == (
        Line(((50, 40), (100, 40))), [shapes.CLIPPED], [],
    )  # fmt: skip


def test_half_a_pixel_over_the_edge_is_rounding() -> None:
    assert outcome(made(Box(-0.4, 20, 100.5, 60))) == (Box(0, 20, 100, 60), [], [])


def test_clipping_can_be_a_fault() -> None:
    _, _, reasons = outcome(made(Box(-10, 20, 150, 60), clip=False))
    assert reasons == ["over-the-edge"]


@pytest.mark.parametrize(
    "geometry",
    [
        Box(120, 10, 130, 20),
        Polygon(((120, 10), (130, 10), (120, 20))),
        Line(((120, 10), (130, 10))),
        Line(((120, 10), (120, 10))),
    ],
)
def test_what_is_off_the_image_is_gone(geometry: Geometry) -> None:
    assert outcome(made(geometry)) == (None, [shapes.CLIPPED], ["off-the-image"])


@pytest.mark.parametrize(
    "geometry",
    [
        Box(10, 10, 10, 20),
        Polygon(((10, 10), (20, 20), (30, 30))),
        Polygon(((10, 10), (10, 10), (30, 30))),
        Polygon(((10, 10), (10.3, 10.1), (10.2, 10.3))),
    ],
)
def test_what_has_no_area_is_gone(geometry: Geometry) -> None:
    found = made(geometry)
    assert found.geometry is None and [reason for reason, _ in found.faults] == ["no-area"]


def test_a_thin_box_is_widened_to_a_pixel() -> None:
    assert outcome(made(Box(10.1, 10, 10.4, 20))) == (Box(10, 10, 11, 20), [shapes.WIDENED], [])
    assert outcome(made(Box(99.8, 10, 100, 20))) == (Box(99, 10, 100, 20), [shapes.WIDENED], [])


@pytest.mark.parametrize(
    ("points", "padded"),
    [
        (((10.1, 20), (10.3, 20)), ((10, 20), (11, 20))),
        (((10, 20), (10, 20)), ((10, 20), (11, 20))),
        (((99.9, 20), (100, 20.2)), ((99, 20), (100, 20))),
        (((10.1, 20), (10.2, 20.1), (10.3, 20)), ((10, 20), (11, 20))),
    ],
)
def test_a_line_of_one_point_is_padded(
    points: tuple[tuple[float, float], ...], padded: tuple[tuple[float, float], ...]
) -> None:
    """D29: lines that are a point in whole pixels get one pixel of length."""
    assert outcome(made(Line(points))) == (Line(padded), [shapes.PADDED], [])


def test_lines_start_at_their_left_end() -> None:
    assert made(Line(((30, 5), (10, 70), (20, 40)))).geometry == Line(((20, 40), (10, 70), (30, 5)))
    assert made(Line(((10, 9), (10, 2)))).geometry == Line(((10, 2), (10, 9)))


def test_a_polygon_of_many_points_becomes_its_box() -> None:
    ring = Polygon(
        tuple((50 + 30 * math.cos(a), 40 + 30 * math.sin(a)) for a in (0.2 * i for i in range(31)))
    )
    geometry, changes, _ = outcome(made(ring, max_points=12))
    assert isinstance(geometry, Box) and changes == [shapes.TO_BOX]
    assert geometry == Box(20, 10, 80, 70)
    assert isinstance(made(ring, max_points=31).geometry, Polygon)


def test_a_crossing_made_by_rounding_is_mended_silently_but_counted() -> None:
    # A spike thinner than half a pixel folds onto itself.
    ring = Polygon(((10, 10), (40, 10), (40, 30.4), (70, 30.5), (40, 30.6), (40, 50), (10, 50)))
    geometry, changes, reasons = outcome(made(ring))
    assert geometry is not None and not faults(geometry) and not reasons
    assert changes in ([], [shapes.REPAIRED_ROUNDED])


def test_repair_keeps_one_piece_without_holes() -> None:
    again = repaired(Polygon(((0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (2, 2), (4, 2), (3, 4))))
    assert again is not None and not faults(again)
    assert repaired(Polygon(((0, 0), (5, 5), (9, 9)))) is None


NUMBER = st.floats(-40, 160)
# Repairing it divides by the tiniest of floats.
TINY = [
    (2.2e-309, 2.0),
    (1.0, -1.0),
    (0.0, -1.4e-45),
    (0.0, 0.0),
    (1.2e-175, -1.0),
    (1.0, -1.0),
    (0.0, 0.0),
]
POINTS = st.lists(st.tuples(NUMBER, NUMBER), min_size=3, max_size=9)


@settings(deadline=None)
@given(POINTS, st.sampled_from([SAME, HALF]), st.booleans())
@example(TINY, SAME, False)
def test_what_is_written_is_whole_inside_and_valid(
    points: list[tuple[float, float]], matrix: Matrix, is_line: bool
) -> None:
    geometry = Line(tuple(points)) if is_line else Polygon(tuple(points))
    found = made(geometry, matrix=matrix)
    if found.geometry is None:
        assert found.faults
        return
    assert not faults(found.geometry, 100, 80)
    assert canonical(found.geometry) == found.geometry
    box = bounds(found.geometry)
    assert box.x1 >= 0 and box.y1 >= 0 and box.x2 <= 100 and box.y2 <= 80
