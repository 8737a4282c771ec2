"""Boxes, polygons and lines in source pixels: canonical order, validity, maps, 0..1000.

x runs right and y runs down; coordinates are those of pixel indices, so that an image of width W
has pixels 0 to W-1, and a shape may reach W. Normalised coordinates exist in text alone:
`to_norm` and `from_norm` are the only door between the two.

    polygon = canonical(Polygon(((10, 40), (30, 40), (20, 10))))
    polygon.points                          # ((20, 10), (30, 40), (10, 40))
    to_norm(Box(264, 144, 326, 201), 1920, 1080)   # Box(138, 133, 170, 186)
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, cast

from sightwright.errors import DataError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Point = tuple[float, float]
Points = tuple[Point, ...]
Kind = Literal["bbox_2d", "poly", "line"]
KINDS: tuple[Kind, ...] = ("bbox_2d", "poly", "line")
Ordering = Literal["reference_point", "center"]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
"""A plane's map in homogeneous coordinates, applied to the column (x, y, 1)."""

MIN_POINTS: dict[Kind, int] = {"poly": 3, "line": 2}
MIN_AREA_PX = 0.01
"""A shape of less covers nothing."""
_PARALLEL = 1e-9
CROSSES_ITSELF = "poly crosses itself"
"""The one fault of a shape that still covers a definite area."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle: left, top, right, bottom."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def kind(self) -> Kind:
        return "bbox_2d"

    @property
    def points(self) -> Points:
        """Its corners, clockwise on the screen from the top left."""
        return (
            (self.x1, self.y1),
            (self.x2, self.y1),
            (self.x2, self.y2),
            (self.x1, self.y2),
        )


@dataclass(frozen=True, slots=True)
class Polygon:
    """A ring, its first point not repeated at the end."""

    points: Points

    @property
    def kind(self) -> Kind:
        return "poly"


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline."""

    points: Points

    @property
    def kind(self) -> Kind:
        return "line"


Geometry = Box | Polygon | Line


def with_points(geometry: Geometry, points: Points) -> Geometry:
    """A shape of the same kind with other points; a box is told by its first and third."""
    match geometry:
        case Box():
            return Box(*points[0], *points[2])
        case Polygon():
            return Polygon(points)
        case Line():
            return Line(points)


# Order


def canonical(geometry: Geometry) -> Geometry:
    """The one spelling of a shape.

    A box has its top-left corner first. A polygon runs clockwise on the screen from its top-most,
    then left-most vertex; its ring is kept, so concave shapes survive; repeated neighbours and a
    repeated first point are left out. A line starts at its left-most, then top-most end.
    """
    match geometry:
        case Box(x1, y1, x2, y2):
            return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        case Line(points):
            kept = _without_repeats(points)
            # The points beyond the ends decide where the ends are one.
            return Line(min(kept, kept[::-1]))
        case Polygon(points):
            kept = _without_repeats(points)
            if len(kept) > 1 and kept[0] == kept[-1]:
                kept = kept[:-1]
            if signed_area(kept) < 0:
                kept = kept[::-1]
            first = min(range(len(kept)), key=lambda i: (kept[i][1], kept[i][0]))
            return Polygon(kept[first:] + kept[:first])


def _without_repeats(points: Points) -> Points:
    return (points[0], *(b for a, b in pairwise(points) if a != b))


def signed_area(points: Points) -> float:
    """Twice-halved shoelace sum: positive when the ring runs clockwise on the screen (y down)."""
    ring = (*points, points[0])
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring)) / 2


def reference_point(geometry: Geometry) -> Point:
    """The point that an object is sorted by: a box's top-left corner, a polygon's first vertex, a
    line's left-most point (the upper one of two)."""
    match geometry:
        case Box(x1, y1, _, _):
            return x1, y1
        case Polygon(points):
            return points[0]
        case Line(points):
            return min(points)


def reading_order(
    geometries: Sequence[Geometry], ordering: Ordering = "reference_point"
) -> list[int]:
    """Indices from top to bottom, then left to right; equals keep their order.

    Args:
        ordering: by the reference point, or by the centre of the bounding box.
    """

    def key(index: int) -> tuple[float, float]:
        x, y = (
            reference_point(geometries[index])
            if ordering == "reference_point"
            else _centre(geometries[index])
        )
        return y, x

    return sorted(range(len(geometries)), key=key)


def _centre(geometry: Geometry) -> Point:
    box = bounds(geometry)
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


# Measures and validity


def bounds(geometry: Geometry) -> Box:
    """The smallest upright box around a shape."""
    xs, ys = zip(*geometry.points, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def area(geometry: Geometry) -> float:
    """In square pixels; 0 for a line."""
    return 0.0 if isinstance(geometry, Line) else abs(signed_area(geometry.points))


def length(points: Points) -> float:
    """Of a polyline, in pixels."""
    return sum(math.dist(a, b) for a, b in pairwise(points))


def faults(geometry: Geometry, width: int | None = None, height: int | None = None) -> list[str]:
    """What is wrong with a shape, each as a phrase; nothing for a good one.

    Args:
        width, height: of the image; without them nothing can be off it.
    """
    found = list(_shape_faults(geometry))
    if width is not None and height is not None:
        outside = [(x, y) for x, y in geometry.points if not (0 <= x <= width and 0 <= y <= height)]
        if outside:
            x, y = outside[0]
            more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
            where = f"({_told(x)}, {_told(y)}){more}"
            found.append(f"{where} outside the image of {width}x{height}")
    return found


def _told(value: float) -> str:
    """10.0 is told as 10, and 1920.0004 not as 1920, which may be the image's width."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _shape_faults(geometry: Geometry) -> Iterator[str]:
    match geometry:
        case Box(x1, y1, x2, y2):
            if not (x1 < x2 and y1 < y2):
                numbers = ", ".join(map(_told, (x1, y1, x2, y2)))
                yield f"bbox_2d [{numbers}] is not left < right and top < bottom"
        case Polygon(points):
            if len(set(points)) < MIN_POINTS["poly"]:
                yield f"poly has {len(set(points))} different points, and needs 3"
            elif area(geometry) < MIN_AREA_PX:
                yield "poly has no area"
            elif not _is_simple(points):
                yield CROSSES_ITSELF
        case Line(points):
            if length(points) == 0:
                yield "line has no length"


def _is_simple(ring: Points) -> bool:
    import shapely

    return shapely.Polygon(ring).is_valid


# Maps


def transform(geometry: Geometry, matrix: Matrix) -> Geometry:
    """Map every point. A box stays one under a map that keeps axes parallel to the axes; else it
    becomes the polygon of its corners. The result is in canonical order."""
    points = tuple(_mapped(point, matrix) for point in geometry.points)
    if isinstance(geometry, Box):
        if not keeps_boxes(matrix):
            return canonical(Polygon(points))
        return canonical(Box(*points[0], *points[2]))
    return canonical(with_points(geometry, points))


def keeps_boxes(matrix: Matrix) -> bool:
    """Whether upright rectangles stay upright: scales, shifts, flips, quarter turns."""
    (a, b, _), (c, d, _), (p, q, _) = matrix
    straight = abs(b) < _PARALLEL and abs(c) < _PARALLEL
    turned = abs(a) < _PARALLEL and abs(d) < _PARALLEL
    return (straight or turned) and abs(p) < _PARALLEL and abs(q) < _PARALLEL


def _mapped(point: Point, matrix: Matrix) -> Point:
    x, y = point
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return u / w, v / w


def without_crossings(shape: "BaseGeometry", **how: Any) -> "BaseGeometry":
    """A shape that does not cross itself, over the same points; `how` as `shapely.make_valid`."""
    import numpy as np
    import shapely

    # GEOS divides by the tiniest of coordinates, and sets the flag that numpy would warn of.
    with np.errstate(all="ignore"):
        return cast("BaseGeometry", shapely.make_valid(shape, **how))


def polygon_of(shape: "BaseGeometry") -> Polygon:
    """The outline of a polygon of shapely's, in canonical order."""
    ring = cast("Any", shape).exterior.coords
    found = canonical(Polygon(tuple((float(x), float(y)) for x, y in ring)))
    assert isinstance(found, Polygon)
    return found


def min_area_rectangle(points: Points) -> Polygon:
    """The rectangle of least area around points, turned as it must be, in canonical order.

    Raises:
        DataError: the points lie on one line.
    """
    import shapely

    rectangle = shapely.minimum_rotated_rectangle(shapely.MultiPoint(points))
    if rectangle.geom_type != "Polygon":
        raise DataError("points on one line have no rectangle around them")
    return polygon_of(rectangle)


# Pixels ↔ 0..1000


def to_norm(geometry: Geometry, width: int, height: int, scale: int = 1000) -> Geometry:
    """Coordinates as whole parts of the image's sides, `round(v / size * scale)`, ties to even.

    >>> to_norm(Box(1, 0, 400, 10), 400, 10)
    Box(x1=2, y1=0, x2=1000, y2=1000)

    Raises:
        DataError: a point that would lie outside 0..scale: nothing is clamped.
    """
    points = tuple(
        (round(x / width * scale), round(y / height * scale)) for x, y in geometry.points
    )
    _require_in_range(points, scale)
    return with_points(geometry, points)


def from_norm(geometry: Geometry, width: int, height: int, scale: int = 1000) -> Geometry:
    """Parts of the image's sides as pixels, not rounded.

    Raises:
        DataError: a point outside 0..scale.
    """
    _require_in_range(geometry.points, scale)
    points = tuple((x / scale * width, y / scale * height) for x, y in geometry.points)
    return with_points(geometry, points)


def _require_in_range(points: Sequence[Point], scale: int) -> None:
    for x, y in points:
        if not (0 <= x <= scale and 0 <= y <= scale):
            raise DataError(f"({x:g}, {y:g}) lies outside 0..{scale}")
