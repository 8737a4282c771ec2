"""Photographs with their objects drawn on, as one picture."""

import io
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import canonical, jsonl, logs
from sightwright.data.show import chosen_lines, name_in
from sightwright.data.show_objects import in_reading_order
from sightwright.draw.overlay import can_write, draw_objects
from sightwright.draw.tiles import laid_out
from sightwright.errors import DataError
from sightwright.geometry import Ordering
from sightwright.images import open_image
from sightwright.inspection_records import DenseObject, InspectionRecord, require_size
from sightwright.record_formats import Record, read_any_record

if TYPE_CHECKING:
    from PIL.Image import Image

_ONE_PIXELS = 2000
_TILE_PIXELS = 640
_AT_LEAST_PIXELS = 600


@dataclass(frozen=True)
class Fault:
    """A record that could not be drawn."""

    place: str
    id: str
    why: str


@dataclass
class DrawnRecords:
    """What was drawn.

    Attributes:
        faulty: records that are not on the picture, with the reason.
        unwritten: descriptions that no font here can write, as `id 3: desc`; their objects have
            their number alone.
    """

    names: list[str] = field(default_factory=list[str])
    pictures: "list[Image]" = field(default_factory=list["Image"])
    num_objects: int = 0
    faulty: list[Fault] = field(default_factory=list[Fault])
    unwritten: list[str] = field(default_factory=list[str])

    def picture(self) -> "Image":
        """One record as it is, several as a contact sheet.

        Raises:
            DataError: none could be drawn.
        """
        if not self.pictures:
            first = f": {self.faulty[0].place}: {self.faulty[0].why}" if self.faulty else ""
            raise DataError(f"no record could be drawn{first}")
        return self.pictures[0] if len(self.pictures) == 1 else laid_out(self.pictures, self.names)


def draw_records(
    path: Path,
    *,
    limit: int,
    ids: Collection[str] = (),
    ordering: Ordering = "reference_point",
) -> DrawnRecords:
    """Draw the objects of records on their photographs, numbered as the answer numbers them.

    Args:
        limit: the first so many records.
        ids: only the records with these.

    Raises:
        DataError: no such file, no records, or none with one of the ids.
    """
    drawn = DrawnRecords()
    lines = list(chosen_lines(path, limit, ids))
    if missing := sorted(set(ids) - {_name(line) for line in lines}):
        raise DataError(f"no record with the id {', '.join(missing)}", where=str(path))
    if not lines:
        raise DataError("no records", where=str(path))
    side = _ONE_PIXELS if len(lines) == 1 else _TILE_PIXELS
    for line in logs.progress(lines, "drawing records", len(lines)):
        name = _name(line)
        try:
            record, image = _open(line)
            objects = in_reading_order(record.objects, ordering)
            picture = draw_objects(
                image, objects, max_side=side, min_side=min(side, _AT_LEAST_PIXELS)
            )
        except DataError as error:
            drawn.faulty.append(Fault(f"{path.name}:{line.number}", name, error.message))
            continue
        drawn.names.append(name)
        drawn.pictures.append(picture)
        drawn.num_objects += len(objects)
        drawn.unwritten += _unwritten(name, objects)
    return drawn


def open_first(path: Path, ids: Collection[str] = ()) -> "tuple[Record, Image]":
    """The first record of a file, or the one with an id, and its first image.

    Raises:
        DataError: no such record, several ids, a bad record, or one without an image.
    """
    if len(ids) > 1:
        raise DataError("one record has its versions drawn", remedy="give one --id, or write HTML")
    line = next(iter(chosen_lines(path, 1, ids)), None)
    if line is None:
        wanted = f"no record with the id {', '.join(ids)}" if ids else "no records"
        raise DataError(wanted, where=str(path))
    record = _read(line)
    if not record.images:
        raise DataError("a record without an image", where=line.where)
    image = open_image(record.images[0], line.path.parent)
    if isinstance(record, InspectionRecord):
        require_size(record, image.size)
    return record, image


def write_picture(path: Path, picture: "Image") -> None:
    """Write it whole or not at all, in the format that the name's ending says.

    Raises:
        DataError: it has more pixels on a side than the format holds.
    """
    buffer = io.BytesIO()
    suffix = path.suffix.lower()
    kind = {".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG")
    try:
        picture.save(buffer, format=kind, quality=90)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be written as {kind}: {error}", where=str(path)) from None
    canonical.write_bytes(path, buffer.getvalue())


def _open(line: jsonl.Line) -> "tuple[InspectionRecord, Image]":
    record = _read(line)
    if not isinstance(record, InspectionRecord):
        raise DataError(
            "a conversation has no objects to be drawn", remedy="write an HTML sheet: --out X.html"
        )
    image = open_image(record.image, line.path.parent)
    require_size(record, image.size)
    return record, image


def _read(line: jsonl.Line) -> Record:
    return read_any_record(line.value())


def _name(line: jsonl.Line) -> str:
    try:
        return name_in(line.value())
    except DataError:
        return ""


def _unwritten(name: str, objects: list[DenseObject]) -> list[str]:
    return [
        f"{name} {number}: {each.desc}"
        for number, each in enumerate(objects, start=1)
        if not can_write([each])
    ]
