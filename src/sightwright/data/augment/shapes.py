"""Shapes on a canvas: how much of each is left, and whole pixels that keep it valid."""

from dataclasses import dataclass

from sightwright.clipping import clip
from sightwright.data.augment.matrices import Size
from sightwright.geometry import (
    Box,
    Geometry,
    Line,
    Point,
    Polygon,
    area,
    bounds,
    canonical,
    faults,
    length,
    signed_area,
    with_points,
)

# Above this share a shape is whole: the rest is arithmetic.
_ALL = 1 - 1e-6


@dataclass(frozen=True, slots=True)
class Left:
    """What of a shape lies on a canvas.

    Attributes:
        coverage: share of its area, or of a line's length, from 0 to 1.
    """

    geometry: Geometry
    coverage: float


def left_on(geometry: Geometry, size: Size) -> Left | None:
    """Cut a shape to a canvas; None when nothing of it is left.

    A pixel is seen to its border, so a shape is cut at -0.5 and W-0.5; its points are then drawn
    in to the middle of the outermost pixels, 0 and W-1. Cut there at once, a line that touches the
    border with one vertex would fall in two, and lose one of them.
    """
    if _is_inside(geometry, size):
        return Left(canonical(geometry), 1.0)
    whole = measure(geometry)
    seen = clip(geometry, Box(-0.5, -0.5, size[0] - 0.5, size[1] - 0.5))
    if seen is None:
        return None
    kept = _drawn_in(seen, size)
    if faults(kept):
        kept = seen = clip(geometry, Box(0, 0, size[0] - 1, size[1] - 1))
    if kept is None or seen is None:
        return None
    coverage = measure(seen) / whole if whole else 1.0
    return Left(kept, coverage if coverage < _ALL else 1.0)


def brought_inside(geometry: Geometry, size: Size) -> Geometry:
    """A record's shape with no point beyond the outermost pixels: it may say W where W-1 is meant.

    One that would be nothing then, as a box from W-1 to W, gets whole pixels instead.
    """
    if _is_inside(geometry, size):
        return geometry
    inside = _drawn_in(geometry, size)
    whole = in_whole_pixels(geometry, size)[0] if faults(inside) else inside
    return geometry if whole is None else whole


def _is_inside(geometry: Geometry, size: Size) -> bool:
    box = bounds(geometry)
    return box.x1 >= 0 and box.y1 >= 0 and box.x2 <= size[0] - 1 and box.y2 <= size[1] - 1


def _drawn_in(geometry: Geometry, size: Size) -> Geometry:
    """With every point outside moved to the nearest of the outermost pixels."""
    right, bottom = size[0] - 1, size[1] - 1
    points = tuple((min(max(x, 0), right), min(max(y, 0), bottom)) for x, y in geometry.points)
    return canonical(with_points(geometry, points))


def measure(geometry: Geometry) -> float:
    """A line's length in pixels, another shape's area in square pixels."""
    return length(geometry.points) if isinstance(geometry, Line) else area(geometry)


def in_whole_pixels(geometry: Geometry, size: Size) -> tuple[Geometry | None, str]:
    """A shape with whole coordinates on the canvas, valid and in canonical order.

    Returns:
        The shape, and what had to be done beside rounding: "", `widened` (to a pixel, where it had
        less), `hull` (where whole pixels made a polygon cross itself); None where even that makes
        no shape.
    """
    right, bottom = size[0] - 1, size[1] - 1
    points = tuple((round(x), round(y)) for x, y in geometry.points)
    rounded = _drawn_in(with_points(geometry, points), size)
    if not faults(rounded):
        return rounded, ""
    if isinstance(rounded, Polygon):
        hull = Polygon(_hull(rounded.points))
        if len(hull.points) > 2 and not faults(hull):
            return canonical(hull), "hull"
    widened = _widened(rounded, right, bottom)
    return (None, "") if faults(widened, right, bottom) else (widened, "widened")


def _widened(geometry: Geometry, right: int, bottom: int) -> Geometry:
    box = bounds(geometry)
    x1, x2 = _apart(box.x1, box.x2, right)
    y1, y2 = _apart(box.y1, box.y2, bottom)
    match geometry:
        case Box():
            return Box(x1, y1, x2, y2)
        case Polygon():
            return Polygon(Box(x1, y1, x2, y2).points)
        case Line():
            return Line(((x1, y1), (x2, y1)))


def _apart(low: float, high: float, most: int) -> tuple[float, float]:
    if low < high:
        return low, high
    return (low, low + 1) if low < most else (low - 1, low)


def _hull(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The convex hull, corners alone (Andrew's two chains)."""
    ordered = sorted(set(points))
    return (*_chain(ordered), *_chain(ordered[::-1]))


def _chain(ordered: list[Point]) -> list[Point]:
    chain: list[Point] = []
    for point in ordered:
        while len(chain) > 1 and signed_area((*chain[-2:], point)) <= 0:
            chain.pop()
        chain.append(point)
    return chain[:-1]
