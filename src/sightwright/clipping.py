"""What of a shape lies in a window."""

from itertools import pairwise
from typing import TYPE_CHECKING

from sightwright.geometry import (
    MIN_AREA_PX,
    Box,
    Geometry,
    Line,
    Point,
    Points,
    Polygon,
    bounds,
    canonical,
    length,
    polygon_of,
    without_crossings,
)

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def clip(geometry: Geometry, window: Box) -> Geometry | None:
    """What of a shape lies in a window, in canonical order; None when no area or length does.

    A polygon stays a polygon and keeps its own corners inside; of several parts the largest is
    kept, of a line the longest.
    """
    box = bounds(geometry)
    inside = (
        window.x1 <= box.x1 and window.y1 <= box.y1 and box.x2 <= window.x2 and box.y2 <= window.y2
    )
    if inside:
        return canonical(geometry)
    if isinstance(geometry, Box):
        clipped = Box(
            max(box.x1, window.x1), max(box.y1, window.y1),
            min(box.x2, window.x2), min(box.y2, window.y2),
        )  # fmt: skip
        return clipped if clipped.x1 < clipped.x2 and clipped.y1 < clipped.y2 else None
    return _line_within(geometry, window) if isinstance(geometry, Line) else _cut(geometry, window)


def _line_within(line: Line, window: Box) -> Geometry | None:
    """Walked from point to point, for an intersection by shapely parts a line where it crosses
    itself."""
    parts: list[list[Point]] = []
    goes_on = False
    for start, end in pairwise(line.points):
        shares = _shares_within(start, end, window)
        if shares is not None:
            if not (goes_on and shares[0] == 0):
                parts.append([_on_the_way(start, end, shares[0], window)])
            parts[-1].append(_on_the_way(start, end, shares[1], window))
        goes_on = shares is not None and shares[1] == 1
    longest: Points = max(map(tuple, parts), key=length, default=())
    return canonical(Line(longest)) if length(longest) > 0 else None


def _shares_within(start: Point, end: Point, window: Box) -> tuple[float, float] | None:
    """The shares of the way from start to end at which it enters a window and leaves it (Liang
    and Barsky, 1984); None where no length of it lies inside."""
    enters, leaves = 0.0, 1.0
    for here, there, low, high in (
        (start[0], end[0], window.x1, window.x2),
        (start[1], end[1], window.y1, window.y2),
    ):
        if here == there:
            if not low <= here <= high:
                return None
            continue
        first, last = sorted(((low - here) / (there - here), (high - here) / (there - here)))
        enters, leaves = max(enters, first), min(leaves, last)
    return (enters, leaves) if enters < leaves else None


def _on_the_way(start: Point, end: Point, share: float, window: Box) -> Point:
    if share in (0, 1):
        return end if share else start
    x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
    # What lies on the border lies there to the last bit.
    return min(max(x, window.x1), window.x2), min(max(y, window.y1), window.y2)


def _cut(polygon: Polygon, window: Box) -> Geometry | None:
    import shapely

    shape: BaseGeometry = shapely.Polygon(polygon.points)
    if not shape.is_valid:
        shape = without_crossings(shape)
    cut = shapely.intersection(shape, shapely.Polygon(window.points))
    parts = [part for part in _parts(cut) if part.geom_type == "Polygon"]
    largest = max(parts, key=lambda part: part.area, default=None)
    return None if largest is None or largest.area < MIN_AREA_PX else polygon_of(largest)


def _parts(shape: "BaseGeometry") -> "list[BaseGeometry]":
    pieces: list[BaseGeometry] = []
    for piece in getattr(shape, "geoms", [shape]):
        pieces += _parts(piece) if hasattr(piece, "geoms") else [piece]
    return pieces
