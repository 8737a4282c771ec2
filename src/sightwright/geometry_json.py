"""Shapes as JSON holds them: flat lists of pixels in a record, lists of points in an answer."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sightwright.errors import DataError
from sightwright.geometry import KINDS, MIN_POINTS, Box, Geometry, Kind, Line, Polygon

FARTHEST = 1e9
"""No image is so large; and the area of what lies farther away may be no float."""


def read_geometry(raw: Mapping[str, Any]) -> Geometry:
    """The one geometry of an object, as a record has it: flat lists, `quad` a polygon of four.

    The points stay as they were written; `canonical` puts them in order.

    Raises:
        DataError: none or several of bbox_2d, poly, line, quad; a wrong number of numbers; a count
            (`poly_points`, `line_points`) that disagrees.
    """
    given = [key for key in (*KINDS, "quad") if key in raw]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise DataError(
            f"an object has exactly one of bbox_2d, poly, line; found {found}",
            remedy="write one geometry for each object",
        )
    key = given[0]
    numbers = _flat_numbers(raw[key], key)
    _check_count(raw, key, numbers)
    if key == "bbox_2d":
        return Box(*numbers)
    points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return Line(points) if key == "line" else Polygon(points)


def _flat_numbers(value: object, key: str) -> list[float]:
    """`[x, y, …]`; `[[x, y], …]` is taken apart."""
    if not isinstance(value, list):
        raise DataError(f"{key!r} is a list of numbers, not {type(value).__name__}")
    entries = cast("list[object]", value)
    if key != "bbox_2d" and entries and all(isinstance(pair, list) for pair in entries):
        pairs = cast("list[list[object]]", entries)
        if any(len(pair) != 2 for pair in pairs):
            raise DataError(f"{key!r}: a point is a pair [x, y]")
        entries = [number for pair in pairs for number in pair]
    for number in entries:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise DataError(f"{key!r} holds {number!r}, which is no number")
        # Not by `isfinite`: a whole number may be too large to become a float.
        if not -FARTHEST < number < FARTHEST:
            raise DataError(f"{key!r} holds {number}, which is no place in an image")
    return cast("list[float]", entries)


def _check_count(raw: Mapping[str, Any], key: str, numbers: Sequence[float]) -> None:
    if key in ("bbox_2d", "quad"):
        wanted = 4 if key == "bbox_2d" else 8
        if len(numbers) != wanted:
            raise DataError(f"{key!r} has {wanted} numbers, not {len(numbers)}")
        return
    fewest = MIN_POINTS[cast("Kind", key)]
    if len(numbers) % 2 or len(numbers) < 2 * fewest:
        raise DataError(
            f"{key!r} is x, y, x, y, … of at least {fewest} points; it has {len(numbers)} numbers"
        )
    said = raw.get(f"{key}_points")
    if said is not None and (type(said) is not int or said != len(numbers) // 2):
        raise DataError(f"'{key}_points' says {said!r}, {key!r} has {len(numbers) // 2} points")


def flat(geometry: Geometry) -> list[float]:
    """The numbers of a geometry as a record holds them: `[x1, y1, x2, y2]`, or x, y, x, y, …"""
    match geometry:
        case Box(x1, y1, x2, y2):
            return [x1, y1, x2, y2]
        case Polygon(points) | Line(points):
            return [number for point in points for number in point]
