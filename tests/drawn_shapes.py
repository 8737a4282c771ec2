"""Shapes for properties, as hypothesis draws them."""

from hypothesis import strategies as st

from sightwright.geometry import Box, Geometry, Line, Points, Polygon, canonical, faults

coordinates = st.integers(-50, 50).map(float)
points = st.tuples(coordinates, coordinates)


def outlines(fewest: int) -> st.SearchStrategy[Points]:
    return st.lists(points, min_size=fewest, max_size=8).map(tuple)


boxes = st.builds(Box, coordinates, coordinates, coordinates, coordinates)
shapes = boxes | st.builds(Polygon, outlines(3)) | st.builds(Line, outlines(2))


def good(shape: Geometry) -> bool:
    return not faults(shape)


good_shapes = shapes.map(canonical).filter(good)
