"""Shapes read from JSON and written to it; what is none is refused in words."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Line, Polygon
from sightwright.geometry_json import flat, read_geometry


@pytest.mark.parametrize(
    ("raw", "geometry"),
    [
        ({"bbox_2d": [1, 2, 3, 4]}, Box(1, 2, 3, 4)),
        ({"poly": [0, 0, 4, 0, 4, 4]}, Polygon(((0, 0), (4, 0), (4, 4)))),
        ({"poly": [[0, 0], [4, 0], [4, 4]], "poly_points": 3}, Polygon(((0, 0), (4, 0), (4, 4)))),
        ({"line": [0, 0, 4, 0], "line_points": 2}, Line(((0, 0), (4, 0)))),
        ({"quad": [0, 0, 4, 0, 4, 4, 0, 4]}, Polygon(((0, 0), (4, 0), (4, 4), (0, 4)))),
        ({"line": [0.5, 1e2, 4, 0], "desc": "x"}, Line(((0.5, 100), (4, 0)))),
    ],
)
def test_reading(raw: dict[str, Any], geometry: Geometry) -> None:
    assert read_geometry(raw) == geometry
    key = "poly" if "quad" in raw else geometry.kind
    assert read_geometry({key: flat(geometry)}) == geometry


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({}, "exactly one of bbox_2d, poly, line; found none"),
        ({"bbox_2d": [0, 0, 1, 1], "line": [0, 0, 1, 1]}, "found bbox_2d and line"),
        ({"poly": [0, 0, 1, 1, 2, 0], "quad": [0] * 8}, "found poly and quad"),
        ({"bbox_2d": [0, 0, 1]}, "'bbox_2d' has 4 numbers, not 3"),
        ({"quad": [0, 0, 1, 1, 2, 2]}, "'quad' has 8 numbers, not 6"),
        ({"bbox_2d": [[0, 0], [1, 1]]}, "'bbox_2d' holds [0, 0], which is no number"),
        ({"poly": [0, 0, 1, 1]}, "at least 3 points; it has 4 numbers"),
        ({"poly": [0, 0, 1, 1, 2, 2, 3]}, "it has 7 numbers"),
        ({"line": [0, 0]}, "at least 2 points"),
        ({"line": []}, "at least 2 points; it has 0 numbers"),
        ({"line": [[0, 0], [1]]}, "a point is a pair"),
        ({"line": [[0, 0], 1, 2]}, "holds [0, 0], which is no number"),
        ({"line": "0 0 1 1"}, "'line' is a list of numbers, not str"),
        ({"line": [0, 0, True, 1]}, "holds True, which is no number"),
        ({"line": [0, 0, None, 1]}, "holds None, which is no number"),
        ({"line": [0, 0, math.nan, 1]}, "holds nan, which is no place"),
        ({"line": [0, 0, math.inf, 1]}, "holds inf, which is no place"),
        ({"line": [0, 0, 1, 1], "line_points": 3}, "'line_points' says 3, 'line' has 2 points"),
        ({"line": [0, 0, 1, 1], "line_points": True}, "'line_points' says True"),
        ({"poly": [0, 0, 1, 1, 2, 0], "poly_points": 3.0}, "'poly_points' says 3.0"),
    ],
)
def test_refused(raw: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError) as error:
        read_geometry(raw)
    assert why in error.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=8),
    max_leaves=12,
)


@given(st.sampled_from(["bbox_2d", "poly", "line", "quad"]), json_values)
def test_hostile_values_are_refused_in_words(key: str, value: Any) -> None:
    try:
        found = read_geometry({key: value})
    except DataError:
        return
    assert all(math.isfinite(number) for number in flat(found))
