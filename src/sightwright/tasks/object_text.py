"""Objects as a model writes them: one JSON line, coordinates on the grid of the task.

    {"object_1": {"desc": "类别=电线", "line_points": 2, "line": [[3, 4], [9, 40]]},
     "object_2": {"desc": "类别=标签", "bbox_2d": [138, 133, 170, 186]}}

| grid | coordinates |
|---|---|
| norm1000, norm100 | whole thousandths or hundredths of the image's sides |
| none | pixels, at most two decimals |

Nothing is clamped. A shape that the grid has no room for is written as the smallest that it has:
a side is then one step wide, which `Written.widened` names.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.geometry import (
    CROSSES_ITSELF,
    KINDS,
    Box,
    Geometry,
    Kind,
    Line,
    Ordering,
    Point,
    Points,
    Polygon,
    bounds,
    faults,
    from_norm,
    reading_order,
    to_norm,
    with_points,
)
from sightwright.geometry import (
    canonical as canonical_shape,
)
from sightwright.geometry_json import FARTHEST, flat, read_geometry
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.tasks.prompt_texts import Norm

SCALES: dict[Norm, int | None] = {"norm1000": 1000, "norm100": 100, "none": None}

# More make an answer longer than any context, and its marking slow.
MAX_OBJECTS = 1000
MAX_POINTS = 500
MAX_POINTS_OF_ALL = 10_000

_DECIMALS = 2
_TOO_MANY_OBJECTS = f"beyond the first {MAX_OBJECTS} objects"
_KEYS = ("desc", "line_points", *KINDS)


# Writing


@dataclass(frozen=True)
class Written:
    """Objects as text.

    Attributes:
        value: key → object, as the JSON has it.
        widened: keys of the objects that are wider than they are, for the grid has no room.
    """

    value: dict[str, dict[str, Any]]
    widened: tuple[str, ...]

    @property
    def text(self) -> str:
        return canonical.dumps(self.value, "spaced")


def in_order(record: InspectionRecord, ordering: Ordering) -> tuple[DenseObject, ...]:
    """The objects in their one spelling, from top to bottom and left to right.

    A ring that crosses itself passes: a record that is read has none, but moving a thin outline may
    make one by a rounding error, and it covers what it covered.

    Raises:
        DataError: a shape that is none, or off its image; names the record and the object.
    """
    shapes: list[Geometry] = []
    for number, each in enumerate(record.objects, start=1):
        shape = canonical_shape(each.geometry)
        wrong = faults(shape, record.width, record.height)
        if told := [fault for fault in wrong if fault != CROSSES_ITSELF]:
            raise DataError("; ".join(told), where=_where(record, number, each))
        shapes.append(shape)
    order = reading_order(shapes, ordering)
    return tuple(DenseObject(record.objects[i].desc, shapes[i]) for i in order)


def write_objects(
    record: InspectionRecord, norm: Norm, ordering: Ordering, *, pairs: bool = True
) -> Written:
    """The objects of a record as an answer holds them.

    Args:
        pairs: write polygons and lines as lists of [x, y]; else flat.

    Raises:
        DataError: an object off its image or without extent, or more than an answer can hold.
    """
    _require_readable(record)
    value: dict[str, dict[str, Any]] = {}
    widened: list[str] = []
    for number, each in enumerate(in_order(record, ordering), start=1):
        shape, is_wider = _on_grid(each.geometry, record.width, record.height, norm)
        value[f"object_{number}"] = _object_value(each.desc, shape, pairs=pairs)
        widened += [f"object_{number}"] * is_wider
    return Written(value, tuple(widened))


def _require_readable(record: InspectionRecord) -> None:
    remedy = "split the image, or leave objects out"
    if len(record.objects) > MAX_OBJECTS:
        what = f"{len(record.objects)} objects; an answer holds at most {MAX_OBJECTS}"
        raise DataError(what, where=f"record {record.key!r}", remedy=remedy)
    counts = [len(each.geometry.points) for each in record.objects]
    for number, (each, count) in enumerate(zip(record.objects, counts, strict=True), start=1):
        if count > MAX_POINTS:
            raise DataError(
                f"{each.geometry.kind} of {count} points; an answer holds at most {MAX_POINTS}",
                where=_where(record, number, each),
                remedy="simplify the outline, or convert with --poly-max-points",
            )
    if sum(counts) > MAX_POINTS_OF_ALL:
        what = f"{sum(counts)} points; an answer holds at most {MAX_POINTS_OF_ALL}"
        raise DataError(what, where=f"record {record.key!r}", remedy=remedy)


def _where(record: InspectionRecord, number: int, each: DenseObject) -> str:
    return f"record {record.key!r}, object {number} ({each.desc})"


def _object_value(desc: str, shape: Geometry, *, pairs: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"desc": desc}
    if isinstance(shape, Line):
        value["line_points"] = len(shape.points)
    nested = pairs and not isinstance(shape, Box)
    value[shape.kind] = [list(point) for point in shape.points] if nested else flat(shape)
    return value


def _on_grid(shape: Geometry, width: int, height: int, norm: Norm) -> tuple[Geometry, bool]:
    """A shape on the grid, in its one spelling there, and whether it had to be widened."""
    scale = SCALES[norm]
    if scale is None:
        snapped = with_points(shape, tuple((_short(x), _short(y)) for x, y in shape.points))
        room, step = (width, height), 10.0**-_DECIMALS
    else:
        snapped = to_norm(shape, width, height, scale)
        room, step = (scale, scale), 1
    snapped = canonical_shape(snapped)
    if not _is_flat(snapped):
        return snapped, False
    widened = _widened(snapped, room, step)
    return with_points(widened, tuple((_short(x), _short(y)) for x, y in widened.points)), True


def _short(value: float) -> float:
    """At most two decimals, and none where they say nothing: 264.0 is written 264."""
    rounded = round(value, _DECIMALS)
    return int(rounded) if rounded == int(rounded) else rounded


def _is_flat(shape: Geometry) -> bool:
    """Whether a shape on the grid has lost its extent there."""
    match shape:
        case Box(x1, y1, x2, y2):
            return x1 == x2 or y1 == y2
        case Polygon(points):
            # Two long sides that have come to cross enclose what the sliver did, or nearly.
            return len(points) < 3 or _on_one_line(points)
        case Line(points):
            return len(points) < 2


def _widened(shape: Geometry, room: Point, step: float) -> Geometry:
    """The smallest shape of its kind around one without extent: a polygon becomes a rectangle, or
    where it is a slanting line, that line a step wide, as far as there is room."""
    box = bounds(shape)
    x1, x2 = _apart(box.x1, box.x2, room[0], step)
    if isinstance(shape, Line):
        return Line(((x1, box.y1), (x2, box.y1)))
    if isinstance(shape, Polygon) and box.x1 < box.x2 and box.y1 < box.y2:
        # The box around it would cover what lies beside it, up to the whole image.
        (u1, v1), (u2, v2) = min(shape.points), max(shape.points)
        aside = step if box.x2 + step <= room[0] else -step
        far = max(u1 + aside, 0)
        return canonical_shape(Polygon(((u1, v1), (far, v1), (u2 + aside, v2), (u2, v2))))
    y1, y2 = _apart(box.y1, box.y2, room[1], step)
    wider = Box(x1, y1, x2, y2)
    return wider if isinstance(shape, Box) else Polygon(wider.points)


def _apart(low: float, high: float, room: float, step: float) -> tuple[float, float]:
    if low < high:
        return low, high
    return (low, low + step) if low + step <= room else (low - step, low)


# Reading


@dataclass(frozen=True)
class ReadObject:
    """An object of an answer, in pixels, under the key that the answer gave it."""

    key: str
    object: DenseObject


@dataclass(frozen=True)
class WrongObject:
    """An object of an answer that is none, and why.

    Attributes:
        kind: the geometry it claims; None where it claims none or several.
    """

    key: str
    kind: Kind | None
    reason: str


def read_objects(
    value: Mapping[str, Any], norm: Norm, width: int, height: int
) -> tuple[list[ReadObject], list[WrongObject]]:
    """The objects of an answer. One that is wrong costs itself alone.

    Points stay as they are written; a ring that crosses itself is read.
    """
    right: list[ReadObject] = []
    wrong: list[WrongObject] = []
    num_points = 0
    for number, (key, entry) in enumerate(value.items(), start=1):
        try:
            if number > MAX_OBJECTS:
                raise DataError(_TOO_MANY_OBJECTS)
            found = _read_object(entry, norm, width, height)
            num_points += len(found.geometry.points)
            if num_points > MAX_POINTS_OF_ALL:
                raise DataError(f"beyond the first {MAX_POINTS_OF_ALL} points")
            right.append(ReadObject(key, found))
        except DataError as error:
            wrong.append(WrongObject(key, _kind_of(entry), error.message))
    return right, wrong


def odd_keys(keys: Sequence[str]) -> Counter[str]:
    """What is odd about the keys of an answer: they run object_1, object_2, … in order."""
    wanted = [f"object_{number}" for number in range(1, len(keys) + 1)]
    return Counter() if list(keys) == wanted else Counter({"keys are not object_1 to object_N": 1})


def _kind_of(entry: object) -> Kind | None:
    if not isinstance(entry, Mapping):
        return None
    claimed: list[Kind] = [kind for kind in KINDS if kind in cast("Mapping[str, object]", entry)]
    return claimed[0] if len(claimed) == 1 else None


def _read_object(entry: object, norm: Norm, width: int, height: int) -> DenseObject:
    """Each reason is one of few, so that they can be counted: no value of the answer is in it."""
    if not isinstance(entry, Mapping):
        raise DataError("not an object of desc and geometry")
    raw = cast("Mapping[str, Any]", entry)
    desc = raw.get("desc")
    if not isinstance(desc, str) or not desc.strip():
        raise DataError("no desc")
    if set(raw) - set(_KEYS):
        raise DataError("unknown keys")
    kind = _kind_of(raw)
    if kind is None:
        raise DataError("not exactly one geometry")
    numbers = _numbers(raw[kind], kind, whole=SCALES[norm] is not None)
    _check_line_points(raw, kind, len(numbers) // 2)
    shape = _shape(kind, numbers)
    _check_range(shape, norm, width, height)
    _check_extent(shape)
    scale = SCALES[norm]
    return DenseObject(desc, shape if scale is None else from_norm(shape, width, height, scale))


def _numbers(value: object, kind: Kind, *, whole: bool) -> list[float]:
    """The coordinates, flat; a polygon's and a line's stand in pairs."""
    entries = cast("list[object]", value) if isinstance(value, list) else []
    if kind != "bbox_2d":
        pairs = [cast("list[object]", pair) for pair in entries if isinstance(pair, list)]
        if not entries or len(pairs) != len(entries) or any(len(pair) != 2 for pair in pairs):
            raise DataError(f"{kind} is no list of [x, y]")
        if len(pairs) > MAX_POINTS:
            raise DataError(f"{kind} of more than {MAX_POINTS} points")
        entries = [number for pair in pairs for number in pair]
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in entries):
        raise DataError(f"{kind} holds what is no number")
    if whole and not all(isinstance(n, int) for n in entries):
        raise DataError("a coordinate is no whole number")
    # Here, and not by `isfinite`: a whole number may be too large to become a float.
    if not all(-FARTHEST < cast("float", n) < FARTHEST for n in entries):
        raise DataError("a coordinate out of range")
    return cast("list[float]", entries)


def _check_line_points(raw: Mapping[str, Any], kind: Kind, num_points: int) -> None:
    if "line_points" in raw:
        said = raw["line_points"]
        if kind != "line" or type(said) is not int or said != num_points:
            raise DataError("line_points disagrees with the geometry")


def _shape(kind: Kind, numbers: list[float]) -> Geometry:
    try:
        return read_geometry({kind: numbers})
    except DataError:
        raise DataError(f"{kind} has a wrong number of coordinates") from None


def _check_range(shape: Geometry, norm: Norm, width: int, height: int) -> None:
    right, bottom = (SCALES[norm] or width), (SCALES[norm] or height)
    if not all(0 <= x <= right and 0 <= y <= bottom for x, y in shape.points):
        raise DataError("a coordinate out of range")


def _check_extent(shape: Geometry) -> None:
    points: Points = shape.points
    match shape:
        case Box(x1, y1, x2, y2):
            has_extent = x1 < x2 and y1 < y2
        case Polygon():
            has_extent = len(set(points)) >= 3 and not _on_one_line(points)
        case Line():
            has_extent = len(set(points)) >= 2
    if not has_extent:
        raise DataError(f"{shape.kind} without extent")


def _on_one_line(points: Points) -> bool:
    """Whether all points are; a ring of no net area may well enclose some (a figure of eight)."""
    (x0, y0) = points[0]
    x1, y1 = next(point for point in points if point != points[0])
    return all((x1 - x0) * (y - y0) == (y1 - y0) * (x - x0) for x, y in points)
