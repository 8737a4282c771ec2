"""PASCAL VOC, as LabelImg writes it: one XML beside each image.

    <annotation>
      <filename>a.jpg</filename>
      <size><width>640</width><height>480</height><depth>3</depth></size>
      <object><name>cat</name><pose>Unspecified</pose><truncated>0</truncated>
        <difficult>0</difficult>
        <bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>
      </object>
    </annotation>

Coordinates are pixels of `size`. LabelImg shows the picture upright since 1.8.4, before that as
it is stored. The first pixel of the original VOC sets is 1: with --one-based, xmin and ymin are
one less. A turned `robndbox` (roLabelImg: cx, cy, w, h, angle in radians) is the polygon of its
corners. `pose`, `truncated`, `difficult` and `occluded` are attributes where they are set, and so
are those in `<attributes>`.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Polygon
from sightwright.ingest.annotations.found import (
    Annotated,
    Attribute,
    BadSample,
    Expect,
    Gathered,
    Marked,
    ReadOptions,
    expect_nothing,
    number,
    stated_size,
    turned_box,
)
from sightwright.ingest.annotations.safe_xml import Element, read_elements
from sightwright.ingest.annotations.source_files import image_of_each_file

_UNSET = ("", "0", "unspecified", "false")


def read_voc(
    source: Path, options: ReadOptions, expect: Expect = expect_nothing
) -> Iterator[Annotated | BadSample]:
    """The image of one file, or of every `.xml` of a folder."""

    def read(file: Path, place: str) -> Annotated:
        root = next(read_elements(file, "annotation", 0), None)
        if root is None:
            raise DataError("no <annotation>: not a file of VOC's")
        return _image(root, file, place, options)

    return image_of_each_file(source, ".xml", read, expect)


def _image(root: Element, file: Path, place: str, options: ReadOptions) -> Annotated:
    size = root.first("size") or Element("size")
    stated = stated_size(size.text_of("width"), size.text_of("height"))
    gathered = Gathered(options)
    for index, item in enumerate(root.all("object"), start=1):
        _gather(item, f"object {index}", gathered)
    name = root.text_of("filename")
    folder = root.text_of("folder")
    paths = tuple(path for path in (name, f"{folder}/{name}" if folder else "") if name and path)
    return Annotated(
        paths, stated, place, tuple(gathered.objects), tuple(gathered.refusals), file.parent
    )


def _gather(item: Element, place: str, gathered: Gathered) -> None:
    label = item.text_of("name")
    try:
        geometry = _geometry(item, gathered.options.one_based)
    except DataError as error:
        gathered.refuse(place, "bad-geometry", error.message, label)
        return
    gathered.add(Marked(label, (geometry,), place, _attributes(item)))


def _geometry(item: Element, one_based: bool) -> Geometry:
    if (box := item.first("bndbox")) is not None:
        keys = ("xmin", "ymin", "xmax", "ymax")
        left, top, right, bottom = (number(box.text_of(key), key) for key in keys)
        return Box(left - one_based, top - one_based, right, bottom)
    if (turned := item.first("robndbox")) is not None:
        keys = ("cx", "cy", "w", "h", "angle")
        x, y, width, height, angle = (number(turned.text_of(key), key) for key in keys)
        upright = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return Polygon(turned_box(upright, math.degrees(angle)))
    raise DataError("neither a <bndbox> nor a <robndbox>")


def _attributes(item: Element) -> tuple[Attribute, ...]:
    marks = ("pose", "truncated", "difficult", "occluded")
    found = [(key, item.text_of(key)) for key in marks]
    listed = item.first("attributes") or Element("attributes")
    found += [(each.text_of("name"), each.text_of("value")) for each in listed.all("attribute")]
    return tuple((key, (value,)) for key, value in found if key and value.lower() not in _UNSET)
