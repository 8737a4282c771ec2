"""Objects that were annotated twice: the same class at the same place."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sightwright.doctor.exam import Exam
from sightwright.doctor.finding import Finding
from sightwright.geometry import Box, Geometry, Line, area, bounds
from sightwright.inspection_records import DenseObject
from sightwright.metrics.descriptions import label_of

MOST_SHARED = 0.95
# Of the objects whose left side is no further right than a copy's could be. A record with more
# copies of one object than this is found all the same.
_NEIGHBOURS = 50

_Numbered = tuple[int, DenseObject, Box]


def check_overlaps(exam: Exam) -> Iterator[Finding]:
    """Pairs of objects of one class that share over 95 % of what they cover together."""
    by_class: defaultdict[tuple[str, str], list[_Numbered]] = defaultdict(list)
    for number, each in exam.numbered_objects:
        key = (label_of(each.desc), each.geometry.kind)
        by_class[key].append((number, each, bounds(each.geometry)))
    for (label, _), objects in by_class.items():
        for (i, first, _), (j, second, _) in _close(objects):
            shared = overlap(first.geometry, second.geometry)
            if shared > MOST_SHARED:
                yield exam.finding(
                    "overlaps", "warning",
                    f"objects {min(i, j)} and {max(i, j)} ({label[:60]}) are the same shape: "
                    f"they share {shared:.0%}",
                    "take one of them out", marks=(first.geometry, second.geometry),
                )  # fmt: skip


def _close(objects: list[_Numbered]) -> Iterator[tuple[_Numbered, _Numbered]]:
    """Pairs that could share that much: their left sides lie within the rest of a width."""
    objects.sort(key=lambda item: (item[2].x1, item[0]))
    for index, first in enumerate(objects):
        room = (1 - MOST_SHARED) * (first[2].x2 - first[2].x1) / MOST_SHARED
        for second in objects[index + 1 : index + 1 + _NEIGHBOURS]:
            if second[2].x1 > first[2].x1 + room:
                break
            yield first, second


def overlap(a: Geometry, b: Geometry) -> float:
    """Shared area over the area of both, 0 to 1; of lines, 1 when they have the same points.

    >>> overlap(Box(0, 0, 10, 10), Box(0, 0, 10, 5))
    0.5
    """
    if isinstance(a, Line) or isinstance(b, Line):
        return float(a in (b, Line(b.points[::-1])))
    if not isinstance(a, Box) or not isinstance(b, Box):
        return _polygons(a, b)
    width, height = min(a.x2, b.x2) - max(a.x1, b.x1), min(a.y2, b.y2) - max(a.y1, b.y1)
    common = max(0.0, width) * max(0.0, height)
    whole = area(a) + area(b) - common
    return common / whole if whole > 0 else 0.0


def _polygons(a: Geometry, b: Geometry) -> float:
    import shapely

    first: Any = shapely.Polygon(a.points)
    second: Any = shapely.Polygon(b.points)
    whole = first.union(second).area
    return float(first.intersection(second).area / whole) if whole > 0 else 0.0
