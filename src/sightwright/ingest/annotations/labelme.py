"""labelme: one JSON beside each image.

    {"imagePath": "a.jpg", "imageWidth": 640, "imageHeight": 480,
     "shapes": [{"label": "cat", "shape_type": "polygon", "points": [[x, y], …],
                 "group_id": null, "flags": {}, "description": ""}]}

Coordinates are pixels of `imageWidth` x `imageHeight`; labelme shows the picture upright (since
4.0; older versions as it is stored). Polygons of the same label and `group_id` are one object in
pieces, as labelme's own COCO export has it. Shapes read: polygon, rectangle, circle (a polygon of
16 points), line and linestrip, oriented_rectangle; a mask is its box (with --keep-crowd); points
are not read. Flags that are set, and a description, are attributes.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Line, Points, Polygon
from sightwright.ingest.annotations.found import (
    Annotated,
    Attribute,
    BadSample,
    Expect,
    Gathered,
    Marked,
    ReadOptions,
    attributes_of,
    box_around,
    ellipse,
    entries,
    expect_nothing,
    mapping,
    points,
    stated_size,
    text,
)
from sightwright.ingest.annotations.source_files import image_of_each_file, read_json

_FEWEST = {
    "polygon": 3, "rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "linestrip": 2,
    "mask": 2,
}  # fmt: skip


def read_labelme(
    source: Path, options: ReadOptions, expect: Expect = expect_nothing
) -> Iterator[Annotated | BadSample]:
    """The image of one file, or of every `.json` of a folder."""

    def read(file: Path, place: str) -> Annotated:
        return _read(mapping(read_json(file)), file, place, options)

    return image_of_each_file(source, ".json", read, expect)


def _read(raw: Mapping[str, Any], file: Path, place: str, options: ReadOptions) -> Annotated:
    if not isinstance(raw.get("shapes"), list):
        raise DataError("no 'shapes': not a file of labelme's")
    size = stated_size(raw.get("imageWidth"), raw.get("imageHeight"))
    gathered = Gathered(options)
    pieces: dict[tuple[str, str], int] = {}
    for index, shape in enumerate(entries(raw["shapes"])):
        _gather(mapping(shape), f"shapes[{index}]", gathered, pieces)
    path = text(raw.get("imagePath"))
    return Annotated(
        (path,) if path else (),
        size,
        place,
        tuple(gathered.objects),
        tuple(gathered.refusals),
        file.parent,
    )


def _gather(
    shape: Mapping[str, Any], place: str, gathered: Gathered, pieces: dict[tuple[str, str], int]
) -> None:
    label, kind = text(shape.get("label")), text(shape.get("shape_type")) or "polygon"
    if kind not in _FEWEST:
        gathered.refuse(place, "shape-not-read", f"a shape of type {kind!r}", label)
        return
    try:
        corners = points(shape.get("points"), "'points'", _FEWEST[kind])
    except DataError as error:
        gathered.refuse(place, "bad-geometry", error.message, label)
        return
    item = Marked(label, (_geometry(kind, corners),), place, _attributes(shape))
    group = (label, text(shape.get("group_id")))
    if kind == "mask":
        gathered.mask(item)
    elif kind == "polygon" and group[1] and group in pieces:
        first = gathered.objects[pieces[group]]
        gathered.objects[pieces[group]] = replace(first, parts=first.parts + item.parts)
    else:
        gathered.add(item)
        if kind == "polygon" and group[1] and gathered.objects[-1:] == [item]:
            pieces[group] = len(gathered.objects) - 1


def _geometry(kind: str, corners: Points) -> Geometry:
    match kind:
        case "rectangle" | "mask":
            return box_around(corners)
        case "line" | "linestrip":
            return Line(corners)
        case "circle":
            (x, y), edge = corners[:2]
            radius = math.dist((x, y), edge)
            return Polygon(ellipse(Box(x - radius, y - radius, x + radius, y + radius)))
        case _:
            return Polygon(corners)


def _attributes(shape: Mapping[str, Any]) -> tuple[Attribute, ...]:
    said = text(shape.get("description"))
    return attributes_of(shape.get("flags")) + ((("description", (said,)),) if said else ())
