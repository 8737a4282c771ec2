"""A shape as it is written: one piece, upright pixels of the resized image, whole numbers, inside.

    stated pixels → largest piece → repaired → mapped → clipped → at most N points → rounded

Every change is counted by a short name; what leaves nothing behind is a fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sightwright.clipping import clip
from sightwright.geometry import (
    CROSSES_ITSELF,
    Box,
    Geometry,
    Line,
    Matrix,
    Polygon,
    area,
    bounds,
    canonical,
    faults,
    transform,
    with_points,
    without_crossings,
)

LARGEST_PART, REPAIRED, CLIPPED = "largest-part", "self-crossing-repaired", "clipped"
TO_BOX, WIDENED, PADDED = "polygon-to-box", "widened-to-one-pixel", "line-padded"
REPAIRED_ROUNDED = "repaired-after-rounding"


@dataclass(frozen=True)
class ShapeRules:
    """
    Attributes:
        max_points: a polygon with more becomes its box; None: any number.
        clip: cut off what reaches over the edge; else that is a fault.
    """

    max_points: int | None = None
    clip: bool = True


@dataclass
class Shaped:
    """What became of a shape.

    Attributes:
        geometry: None where nothing is left.
        changes: names of what was done to it.
        faults: (reason, detail); with a geometry beside them, it could be mended.
    """

    geometry: Geometry | None = None
    changes: list[str] = field(default_factory=list[str])
    faults: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def shape(
    parts: Sequence[Geometry], matrix: Matrix, size: tuple[int, int], rules: ShapeRules
) -> Shaped:
    """Bring an object's pieces into the form in which they are written.

    Args:
        matrix: from stated pixels to those of the image as it is written.
        size: (width, height) of that image.
    """
    made = Shaped()
    whole = _one_piece(parts, made)
    if whole is None:
        return made
    mapped = transform(whole, matrix)
    inside = _inside(mapped, size, rules, made)
    if inside is None:
        return made
    made.geometry = _rounded(_within_budget(inside, rules, made), size, made)
    if made.geometry is None:
        made.faults.append(("no-area", "nothing is left of it in whole pixels"))
    return made


def _one_piece(parts: Sequence[Geometry], made: Shaped) -> Geometry | None:
    if len(parts) > 1:
        made.changes.append(LARGEST_PART)
    mended = [_mended(canonical(part)) for part in parts]
    usable = [piece for piece in mended if piece.geometry is not None]
    # The faults of a piece that is not taken matter to nobody.
    taken = [max(usable, key=_size)] if usable else mended
    for piece in taken:
        made.changes += piece.changes
        made.faults += piece.faults
    return taken[0].geometry


def _size(piece: Shaped) -> float:
    return 0.0 if piece.geometry is None else area(piece.geometry)


def _mended(piece: Geometry) -> Shaped:
    # A line of no length is padded in the end; a box without area is not mended.
    found = [] if isinstance(piece, Line) else faults(piece)
    if not found:
        return Shaped(piece)
    # The halves of a bow tie cancel out: it has no area, and yet a part to keep.
    part = repaired(piece) if isinstance(piece, Polygon) and len(set(piece.points)) > 2 else None
    if part is None or faults(part):
        return Shaped(faults=[("no-area", found[0])])
    return Shaped(part, [REPAIRED], [("self-crossing", CROSSES_ITSELF)])


def repaired(polygon: Polygon) -> Polygon | None:
    """The largest part of a ring that crosses itself, without holes; None where none has area."""
    import shapely

    valid = without_crossings(shapely.Polygon(polygon.points))
    pieces = [part for part in _flat(valid) if part.geom_type == "Polygon"]
    if not pieces:
        return None
    ring = max(pieces, key=lambda part: shapely.Polygon(part.exterior).area).exterior
    found = canonical(Polygon(tuple((float(x), float(y)) for x, y in ring.coords)))
    assert isinstance(found, Polygon)
    return found


def _flat(geometry: Any) -> list[Any]:
    inner = cast("Sequence[Any]", getattr(geometry, "geoms", ()))
    return [piece for part in inner for piece in _flat(part)] if inner else [geometry]


def _inside(
    mapped: Geometry, size: tuple[int, int], rules: ShapeRules, made: Shaped
) -> Geometry | None:
    window = Box(0, 0, *size)
    around = bounds(mapped)
    # Half a pixel over the edge is a matter of rounding.
    over = max(-around.x1, -around.y1, around.x2 - size[0], around.y2 - size[1])
    if over <= 0:
        return mapped
    if over > 0.5:
        reach = f"it reaches {over:.1f} pixels over the edge of the image"
        if not rules.clip:
            made.faults.append(("over-the-edge", f"{reach}, and is not clipped"))
        made.changes.append(CLIPPED)
    clipped = _clamped(mapped, size) if over <= 0.5 else _clipped(mapped, window)
    if clipped is None:
        made.faults.append(("off-the-image", "no part of it is on the image"))
    return clipped


def _clamped(geometry: Geometry, size: tuple[int, int]) -> Geometry:
    width, height = size
    points = tuple((min(max(x, 0), width), min(max(y, 0), height)) for x, y in geometry.points)
    return with_points(geometry, points)


def _clipped(geometry: Geometry, window: Box) -> Geometry | None:
    is_point = isinstance(geometry, Line) and len(geometry.points) < 2
    return None if is_point else clip(geometry, window)


def _within_budget(geometry: Geometry, rules: ShapeRules, made: Shaped) -> Geometry:
    if (
        isinstance(geometry, Polygon)
        and rules.max_points is not None
        and len(geometry.points) > rules.max_points
    ):
        made.changes.append(TO_BOX)
        return bounds(geometry)
    return geometry


def _rounded(geometry: Geometry, size: tuple[int, int], made: Shaped) -> Geometry | None:
    points = tuple((round(x), round(y)) for x, y in geometry.points)
    rounded = canonical(with_points(geometry, points))
    match rounded:
        case Box():
            return _with_some_width(rounded, size, made)
        case Line():
            return _with_some_length(rounded, size, made)
        case Polygon():
            return _with_some_area(rounded, made)


def _with_some_width(box: Box, size: tuple[int, int], made: Shaped) -> Box:
    (x1, x2), (y1, y2) = (
        _apart(low, high, most)
        for low, high, most in ((box.x1, box.x2, size[0]), (box.y1, box.y2, size[1]))
    )
    if (x1, y1, x2, y2) != (box.x1, box.y1, box.x2, box.y2):
        made.changes.append(WIDENED)
    return Box(x1, y1, x2, y2)


def _with_some_length(line: Line, size: tuple[int, int], made: Shaped) -> Geometry:
    if len(set(line.points)) > 1:
        return line
    made.changes.append(PADDED)
    x, y = line.points[0]
    left, right = _apart(x, x, size[0])
    return Line(((left, y), (right, y)))


def _apart(low: float, high: float, most: float) -> tuple[float, float]:
    """A range of one pixel at least, below `most`."""
    if low < high:
        return low, high
    return (low, low + 1) if low + 1 <= most else (most - 1, most)


def _with_some_area(polygon: Polygon, made: Shaped) -> Polygon | None:
    found = faults(polygon)
    if not found:
        return polygon
    if found != [CROSSES_ITSELF]:
        return None
    made.changes.append(REPAIRED_ROUNDED)
    again = repaired(polygon)
    if again is None:
        return None
    # Where two edges cross is not in whole pixels; a second rounding seldom makes a new crossing.
    whole = canonical(Polygon(tuple((round(x), round(y)) for x, y in again.points)))
    return whole if isinstance(whole, Polygon) and not faults(whole) else again
