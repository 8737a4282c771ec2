"""The objects of a photograph for a sheet: shapes to lay over the picture, and their list."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from sightwright.draw.colours import class_of, colour_of
from sightwright.draw.overlay import LegendEntry, legend, shown
from sightwright.errors import DataError
from sightwright.geometry import Ordering, canonical, reading_order, reference_point
from sightwright.geometry_json import flat, read_geometry
from sightwright.inspection_records import (
    MOST_SIDE_PX,
    DenseObject,
    InspectionRecord,
    is_inspection,
)

MOST_OBJECTS = 500
_MOST_CHARACTERS = 400
_MOST_NUMBERS = 16


@dataclass(frozen=True)
class Shape:
    """An object as a sheet shows it.

    Attributes:
        number: its place in the answer, from 1.
        kind, what: of geometry; and with its number of points, unless it is a box.
        numbers: as the record has them, cut where they are many.
        points: for SVG, in pixels of the image.
        badge: where its number stands: the left bottom corner, within the image.
    """

    number: int
    colour: str
    desc: str
    kind: str
    what: str
    numbers: str
    points: str
    badge: tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """What lies over a picture.

    Attributes:
        width, height: of the image, in whose pixels shapes are.
        unit: the height of a number, in those pixels.
        hidden: objects that are not shown, of very many.
    """

    width: int
    height: int
    unit: float
    shapes: tuple[Shape, ...]
    classes: tuple[LegendEntry, ...]
    hidden: int

    @property
    def num_objects(self) -> int:
        return len(self.shapes) + self.hidden


def in_reading_order(
    objects: Sequence[DenseObject], ordering: Ordering = "reference_point"
) -> list[DenseObject]:
    """Objects as an answer has them, so that numbers here are numbers there."""
    order = reading_order([canonical(each.geometry) for each in objects], ordering)
    return [objects[index] for index in order]


def drawing_of(record: InspectionRecord, ordering: Ordering = "reference_point") -> Drawing:
    """The objects of a record, in the order of the answer."""
    objects = in_reading_order(record.objects, ordering)
    unit = max(record.width, record.height) / 38
    shapes = tuple(
        _shape(number, each, record, unit)
        for number, each in enumerate(objects[:MOST_OBJECTS], start=1)
    )
    hidden = len(objects) - len(shapes)
    return Drawing(record.width, record.height, unit, shapes, tuple(legend(record.objects)), hidden)


def _shape(number: int, item: DenseObject, record: InspectionRecord, unit: float) -> Shape:
    x, y = reference_point(canonical(item.geometry))
    width = unit * (0.5 + 0.6 * len(str(number)))
    numbers = [str(value) for value in flat(item.geometry)]
    num_points = len(item.geometry.points)
    over = len(numbers) - _MOST_NUMBERS
    return Shape(
        number,
        colour_of(class_of(item.desc)),
        shown(item.desc, _MOST_CHARACTERS),
        item.geometry.kind,
        f"{item.geometry.kind} of {num_points}" if item.geometry.kind != "bbox_2d" else "bbox_2d",
        ", ".join(numbers[:_MOST_NUMBERS]) + (" …" if over > 0 else ""),
        " ".join(f"{x:g},{y:g}" for x, y in item.geometry.points),
        (max(0.0, min(x, record.width - width)), min(max(y, unit), record.height)),
    )


def readable_part(value: object) -> InspectionRecord | None:
    """What can still be drawn of a photograph that breaks its contract: objects whose geometry can
    be read, be it sound or not. None where there is no image to draw on, or no size."""
    if not is_inspection(value):
        return None
    raw = cast("Mapping[str, object]", value)
    width, height = raw.get("width"), raw.get("height")
    images, entries = _list(raw.get("images")), _list(raw.get("objects"))
    if type(width) is not int or type(height) is not int:
        return None
    if not 1 <= min(width, height) <= max(width, height) <= MOST_SIDE_PX:
        return None
    if len(images) != 1 or not isinstance(images[0], str) or not images[0]:
        return None
    objects: list[DenseObject] = []
    for entry in entries:
        with suppress(DataError):
            if isinstance(entry, Mapping):
                item = cast("Mapping[str, Any]", entry)
                objects.append(DenseObject(str(item.get("desc", "")), read_geometry(item)))
    return InspectionRecord("", images[0], width, height, tuple(objects))


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
