import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drawn_shapes import good_shapes, outlines, shapes
from sightwright.errors import DataError
from sightwright.geometry import (
    Box,
    Geometry,
    Line,
    Matrix,
    Points,
    Polygon,
    area,
    bounds,
    canonical,
    faults,
    from_norm,
    keeps_boxes,
    length,
    min_area_rectangle,
    reading_order,
    reference_point,
    signed_area,
    to_norm,
    transform,
    with_points,
)
from sightwright.geometry_json import flat, read_geometry

# Test vectors


def test_t1_thousandths_of_the_sides() -> None:
    box = Box(264, 144, 326, 201)
    assert to_norm(box, 1920, 1080) == Box(138, 133, 170, 186)
    assert to_norm(box, 1920, 1080, 100) == Box(14, 13, 17, 19)
    # 2.5 goes to the even 2; the far edge is 1000 exactly.
    assert to_norm(Line(((1, 0), (400, 10))), 400, 10) == Line(((2, 0), (1000, 1000)))


def test_t2_a_polygon_in_order_stays() -> None:
    polygon = read_geometry({"poly": [12, 34, 56, 34, 56, 78, 12, 78]})
    assert canonical(polygon) == polygon


def test_t3_reading_order() -> None:
    shapes: list[Geometry] = [
        Box(100, 50, 120, 70),
        Box(20, 50, 40, 70),
        Line(((30, 20), (5, 10))),
        Polygon(((0, 60), (9, 60), (9, 90))),
    ]
    assert reading_order(shapes) == [2, 1, 0, 3]


# Order


@pytest.mark.parametrize(
    ("given_shape", "wanted"),
    [
        (Box(9, 8, 1, 2), Box(1, 2, 9, 8)),
        # Anticlockwise on the screen, begun elsewhere: turned round and begun at the top left.
        (
            Polygon(((12, 78), (56, 78), (56, 34), (12, 34))),
            Polygon(((12, 34), (56, 34), (56, 78), (12, 78))),
        ),
        # Closed, and with a neighbour repeated.
        (
            Polygon(((0, 0), (4, 0), (4, 0), (4, 4), (0, 0))),
            Polygon(((0, 0), (4, 0), (4, 4))),
        ),
        # Concave: the ring is kept, not sorted by angle.
        (
            Polygon(((10, 10), (0, 10), (0, 0), (5, 5), (10, 0))),
            Polygon(((0, 0), (5, 5), (10, 0), (10, 10), (0, 10))),
        ),
        # The top-most wins over the left-most.
        (Polygon(((0, 5), (9, 0), (9, 9))), Polygon(((9, 0), (9, 9), (0, 5)))),
        (Line(((9, 1), (2, 2), (4, 7))), Line(((4, 7), (2, 2), (9, 1)))),
        (Line(((5, 9), (5, 1))), Line(((5, 1), (5, 9)))),
        (Line(((1, 1), (1, 1), (2, 2))), Line(((1, 1), (2, 2)))),
    ],
)
def test_the_one_spelling(given_shape: Geometry, wanted: Geometry) -> None:
    assert canonical(given_shape) == wanted


@given(shapes)
def test_canonical_twice_is_canonical_once(shape: Geometry) -> None:
    once = canonical(shape)
    assert canonical(once) == once


@given(st.builds(Polygon, outlines(3)), st.integers(0, 7), st.booleans())
def test_a_ring_is_spelled_alike_wherever_it_begins(
    shape: Polygon, begin: int, backwards: bool
) -> None:
    once = canonical(shape)
    assume(signed_area(once.points) != 0 and len(set(once.points)) == len(once.points))
    begin %= len(once.points)
    turned = once.points[begin:] + once.points[:begin]
    assert canonical(Polygon(turned[::-1] if backwards else turned)) == once
    assert area(once) == pytest.approx(area(shape))
    assert signed_area(once.points) > 0
    assert once.points[0] == min(once.points, key=lambda point: (point[1], point[0]))


@given(st.builds(Line, outlines(2)))
def test_a_line_is_spelled_alike_both_ways(line: Line) -> None:
    once, back = canonical(line), canonical(Line(line.points[::-1]))
    assert once == back
    assert length(once.points) == pytest.approx(length(line.points))
    assert once.points[0] <= once.points[-1]


def test_reference_points_and_ties() -> None:
    assert reference_point(Line(((5, 5), (2, 9), (2, 3), (8, 0)))) == (2, 3)
    same = [Box(0, 0, 5, 5), Box(0, 0, 9, 9), Line(((0, 0), (3, 3)))]
    assert reading_order(same) == [0, 1, 2]
    assert reading_order(same[::-1]) == [0, 1, 2]
    assert reading_order([]) == []


def test_order_by_centres() -> None:
    tall, low = Box(0, 0, 10, 100), Box(0, 10, 10, 30)
    assert reading_order([tall, low]) == [0, 1]
    assert reading_order([tall, low], "center") == [1, 0]


# Measures


def test_measures() -> None:
    triangle = Polygon(((0, 0), (4, 0), (0, 3)))
    assert area(triangle) == 6
    assert area(Box(1, 1, 3, 6)) == 10
    assert area(Line(((0, 0), (3, 4)))) == 0
    assert length(((0, 0), (3, 4), (3, 10))) == 11
    assert bounds(triangle) == Box(0, 0, 4, 3)
    assert with_points(Box(0, 0, 1, 1), ((2, 3), (5, 3), (5, 7), (2, 7))) == Box(2, 3, 5, 7)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (Box(3, 0, 3, 5), "bbox_2d [3, 0, 3, 5] is not left < right and top < bottom"),
        (Box(5, 0, 3, 5), "is not left < right"),
        (Polygon(((0, 0), (1, 1), (0, 0))), "poly has 2 different points, and needs 3"),
        (Polygon(((0, 0), (1, 1), (2, 2))), "poly has no area"),
        (Polygon(((0, 0), (9, 9), (9, 0), (0, 5))), "poly crosses itself"),
        (Line(((2, 2), (2, 2))), "line has no length"),
    ],
)
def test_faults_of_shape(shape: Geometry, why: str) -> None:
    (found,) = faults(shape)
    assert why in found


def test_faults_of_place() -> None:
    assert faults(Box(0, 0, 10, 5), 10, 5) == []
    assert faults(Box(0, 0, 10.5, 5), 10, 5) == ["(10.5, 0) and 1 more outside the image of 10x5"]
    assert faults(Line(((-1, 0), (4, 4))), 10, 5) == ["(-1, 0) outside the image of 10x5"]
    # To six digits it would lie on the border.
    (hair,) = faults(Line(((0, 0), (1920.0004, 0.0))), 1920, 5)
    assert hair == "(1920.0004, 0) outside the image of 1920x5"
    assert len(faults(Box(12, 0, 11, 5), 10, 5)) == 2


enormous = st.floats(-1e299, 1e299)


@given(
    st.lists(st.tuples(enormous, enormous), min_size=3, max_size=6).map(tuple),
    st.sampled_from([Polygon, Line]),
)
def test_enormous_numbers_are_off_the_image_and_no_crash(
    points: Points, kind: type[Polygon] | type[Line]
) -> None:
    assume(any(not (0 <= x <= 10 and 0 <= y <= 10) for x, y in points))
    found = faults(canonical(kind(points)), 10, 10)
    assert any("outside the image" in fault for fault in found)


# Transforms

SHIFT: Matrix = ((1, 0, 5), (0, 1, -3), (0, 0, 1))
QUARTER: Matrix = ((0, -1, 0), (1, 0, 0), (0, 0, 1))
MIRROR: Matrix = ((-1, 0, 100), (0, 1, 0), (0, 0, 1))
TURN: Matrix = ((0.6, -0.8, 0), (0.8, 0.6, 0), (0, 0, 1))
TILT: Matrix = ((1, 0, 0), (0, 1, 0), (0.01, 0, 1))


def test_a_box_stays_one_under_shifts_flips_and_quarter_turns() -> None:
    box = Box(1, 2, 4, 6)
    assert transform(box, SHIFT) == Box(6, -1, 9, 3)
    assert transform(box, QUARTER) == Box(-6, 1, -2, 4)
    assert transform(box, MIRROR) == Box(96, 2, 99, 6)
    assert [keeps_boxes(m) for m in (SHIFT, QUARTER, MIRROR, TURN, TILT)] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_turned_box_is_the_polygon_of_its_corners() -> None:
    turned = transform(Box(0, 0, 10, 5), TURN)
    assert isinstance(turned, Polygon)
    wanted = {(0, 0), (6, 8), (-4, 3), (2, 11)}
    assert {(round(x, 9), round(y, 9)) for x, y in turned.points} == wanted
    assert turned.points[0] == (0, 0)
    assert area(turned) == pytest.approx(50)


def test_a_perspective_divides() -> None:
    assert transform(Line(((0, 0), (100, 50))), TILT) == Line(((0, 0), (50, 25)))


@st.composite
def affines(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    """A map and its inverse."""
    a, b, c, d = (draw(st.floats(-3, 3)) for _ in range(4))
    x, y = draw(st.floats(-100, 100)), draw(st.floats(-100, 100))
    det = a * d - b * c
    assume(abs(det) > 0.05)
    ia, ib, ic, id_ = d / det, -b / det, -c / det, a / det
    there: Matrix = ((a, b, x), (c, d, y), (0, 0, 1))
    back: Matrix = ((ia, ib, -(ia * x + ib * y)), (ic, id_, -(ic * x + id_ * y)), (0, 0, 1))
    return there, back


def near(some: Points, others: Points, within: float) -> bool:
    return all(any(math.dist(a, b) <= within for b in others) for a in some)


@settings(deadline=None)
@given(good_shapes, affines())
def test_the_inverse_brings_a_shape_back(shape: Geometry, maps: tuple[Matrix, Matrix]) -> None:
    there, back = maps
    moved = transform(shape, there)
    again = transform(moved, back)
    assert near(shape.points, again.points, 1e-6)
    assert near(again.points, shape.points, 1e-6)
    det = there[0][0] * there[1][1] - there[0][1] * there[1][0]
    assert area(moved) == pytest.approx(area(shape) * abs(det), rel=1e-6, abs=1e-6)


# The least rectangle


def test_the_least_rectangle_is_turned_as_it_must_be() -> None:
    upright = min_area_rectangle(((0, 0), (10, 0), (10, 5), (0, 5), (5, 2)))
    assert upright == Polygon(((0, 0), (10, 0), (10, 5), (0, 5)))
    diamond = min_area_rectangle(((5, 0), (10, 5), (5, 10), (0, 5)))
    assert area(diamond) == pytest.approx(50)
    with pytest.raises(DataError, match="one line"):
        min_area_rectangle(((0, 0), (1, 1), (5, 5)))


@settings(deadline=None)
@given(outlines(3))
def test_the_least_rectangle_holds_all_and_is_no_larger_than_the_upright(
    outline: Points,
) -> None:
    assume(area(Polygon(outline)) > 1)
    found = min_area_rectangle(outline)
    box = bounds(Line(outline))
    assert len(found.points) == 4
    assert area(found) <= area(box) * (1 + 1e-9)
    ring = (*found.points, found.points[0])
    for x, y in outline:
        for (x1, y1), (x2, y2) in pairwise(ring):
            # Clockwise on the screen: inside is to the right of every side.
            side = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
            assert side >= -1e-6 * (1 + math.dist((x1, y1), (x2, y2)))


# Pixels and thousandths


@given(
    st.integers(1, 8000),
    st.integers(1, 8000),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6),
    st.sampled_from([100, 1000]),
)
def test_there_and_back_within_half_a_step(
    width: int, height: int, parts: list[tuple[float, float]], scale: int
) -> None:
    line = Line(tuple((x * width, y * height) for x, y in parts))
    there = to_norm(line, width, height, scale)
    assert all(type(number) is int for number in flat(there))
    back = from_norm(there, width, height, scale)
    for (x, y), (u, v) in zip(line.points, back.points, strict=True):
        assert abs(x - u) <= width / scale / 2 * (1 + 1e-9) + 1e-9
        assert abs(y - v) <= height / scale / 2 * (1 + 1e-9) + 1e-9
    # What came from the grid goes back to where it was.
    assert to_norm(back, width, height, scale) == there


@pytest.mark.parametrize("shape", [Box(0, 0, 101, 50), Line(((-1, 0), (5, 5)))])
def test_nothing_is_clamped(shape: Geometry) -> None:
    with pytest.raises(DataError, match=r"outside 0\.\.1000"):
        to_norm(shape, 100, 100)
    with pytest.raises(DataError, match=r"outside 0\.\.100"):
        from_norm(shape, 100, 100, 100)
