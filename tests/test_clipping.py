import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drawn_shapes import good, good_shapes, shapes
from sightwright.clipping import clip
from sightwright.geometry import Box, Geometry, Line, Polygon, area, canonical, faults, length

WINDOW = Box(0, 0, 10, 10)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        (Box(-5, -5, 5, 5), Box(0, 0, 5, 5)),
        (Box(2, 2, 3, 3), Box(2, 2, 3, 3)),
        (Box(10, 0, 20, 10), None),
        (Line(((-5, 5), (5, 5))), Line(((0, 5), (5, 5)))),
        (Line(((-5, 5), (-1, 5))), None),
        # It touches the window in a point alone.
        (Line(((-5, 5), (0, 10), (-5, 15))), None),
        # Of the two stretches inside, the longer.
        (Line(((1, 5), (20, 5), (20, 8), (6, 8))), Line(((1, 5), (10, 5)))),
        # Where a line crosses itself, or turns back upon itself, it goes on.
        (
            Line(((0, 5), (6, 5), (6, 2), (4, 2), (4, 8), (20, 8))),
            Line(((0, 5), (6, 5), (6, 2), (4, 2), (4, 8), (10, 8))),
        ),
        (Line(((1, 5), (6, 5), (1, 5), (1, 15))), Line(((1, 5), (6, 5), (1, 5), (1, 10)))),
        # It leaves at a point of its own, and comes back there: two stretches, one as long.
        (Line(((2, 2), (10, 5), (12, 5), (10, 5), (2, 8))), Line(((2, 2), (10, 5)))),
        # Along the border it is inside.
        (Line(((-5, 10), (5, 10))), Line(((0, 10), (5, 10)))),
        (
            Polygon(((-5, 2), (5, 2), (5, 8), (-5, 8))),
            Polygon(((0, 2), (5, 2), (5, 8), (0, 8))),
        ),
        # A triangle with its tip outside has four corners inside.
        (
            Polygon(((5, -5), (10, 5), (0, 5))),
            Polygon(((2.5, 0), (7.5, 0), (10, 5), (0, 5))),
        ),
        (Polygon(((20, 20), (30, 20), (25, 30))), None),
        # Along the edge there is no area.
        (Polygon(((10, 0), (20, 0), (10, 10))), None),
    ],
)
def test_clipping(shape: Geometry, wanted: Geometry | None) -> None:
    assert clip(shape, WINDOW) == wanted


def test_of_several_parts_the_largest_is_kept() -> None:
    # A U upside down, its bridge above the window: two legs, 2 and 4 wide.
    legs = Polygon(((0, -5), (10, -5), (10, 8), (6, 8), (6, -2), (2, -2), (2, 8), (0, 8)))
    assert clip(legs, WINDOW) == Polygon(((6, 0), (10, 0), (10, 8), (6, 8)))


def test_a_ring_that_crosses_itself_is_clipped_all_the_same() -> None:
    bow = Polygon(((-4, 0), (4, 8), (4, 0), (-4, 8)))
    found = clip(bow, WINDOW)
    assert isinstance(found, Polygon)
    assert area(found) == pytest.approx(16)


@settings(deadline=None)
@given(shapes)
def test_what_is_clipped_lies_inside_and_is_no_more(shape: Geometry) -> None:
    shape = canonical(shape)
    assume(good(shape))
    found = clip(shape, WINDOW)
    if found is None:
        return
    assert found.kind == shape.kind
    assert all(-1e-9 <= x <= 10 + 1e-9 and -1e-9 <= y <= 10 + 1e-9 for x, y in found.points)
    assert area(found) <= area(shape) + 1e-6
    assert canonical(found) == found
    assert faults(found, 10, 10) == []
    again = clip(found, WINDOW)
    assert again is not None
    assert area(again) == pytest.approx(area(found), abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=2, max_size=2))
def test_a_stretch_is_cut_as_shapely_cuts_it(points: list[tuple[float, float]]) -> None:
    wanted = shapely.intersection(shapely.LineString(points), shapely.box(0, 0, 10, 10)).length
    found = clip(Line(tuple(points)), WINDOW)
    assert (length(found.points) if found else 0) == pytest.approx(wanted, abs=1e-9)


@given(good_shapes)
def test_a_window_around_all_changes_nothing(shape: Geometry) -> None:
    assert clip(shape, Box(-100, -100, 100, 100)) == shape
