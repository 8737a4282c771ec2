"""The objects of a photograph for a sheet: shapes to lay over the picture, and their list."""

from collections.abc import Sequence
from dataclasses import dataclass

from sightwright.draw.colours import class_of, colour_of
from sightwright.draw.overlay import LegendEntry, legend, shown
from sightwright.errors import DataError
from sightwright.geometry import Ordering, flat, reading_order, reference_point
from sightwright.inspection_records import DenseObject, InspectionRecord

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
    order = reading_order([each.geometry for each in objects], ordering)
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
    x, y = reference_point(item.geometry)
    width = unit * (0.5 + 0.6 * len(str(number)))
    numbers = [f"{value:g}" for value in flat(item.geometry)]
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


def require_size(record: InspectionRecord, size: tuple[int, int]) -> None:
    """Raises:
    DataError: an image of another size than its record says.
    """
    if size != (record.width, record.height):
        raise DataError(
            f"the image is {size[0]}x{size[1]} pixels, and the record says "
            f"{record.width}x{record.height}: its objects lie elsewhere",
            remedy="convert it again with sightwright ingest annotations",
        )
