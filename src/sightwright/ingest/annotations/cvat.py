"""CVAT for images 1.1: one XML with an `<image>` for each picture.

    <annotations><version>1.1</version><meta>…</meta>
      <image id="0" name="a.jpg" width="640" height="480">
        <box label="cat" xtl="10" ytl="20" xbr="30" ybr="40" rotation="0">
          <attribute name="colour">black</attribute>
        </box>
        <polygon label="cat" points="10,20;30,20;20,40"/>
        <polyline label="cable" points="10,20;30,40"/>
      </image></annotations>

Coordinates are pixels of `width` x `height`; CVAT shows the picture upright (since 2.1; older
versions as it is stored). A box with a rotation (degrees, clockwise about its centre) is the
polygon of its corners, an ellipse a polygon of 16 points; a mask is its box (with --keep-crowd).
A tag is of the whole image and is left out; points, cuboids and skeletons are not read. A file of
tracks (CVAT for video) is refused.
"""

from collections.abc import Iterator
from pathlib import Path

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
    ellipse,
    expect_nothing,
    number,
    stated_size,
    turned_box,
)
from sightwright.ingest.annotations.safe_xml import Element, read_elements
from sightwright.ingest.annotations.source_files import annotation_files, place_in
from sightwright.ingest.sources import printable

_FEWEST = {"polygon": 3, "polyline": 2}


def read_cvat(
    source: Path, options: ReadOptions, expect: Expect = expect_nothing
) -> Iterator[Annotated | BadSample]:
    """The images of one file, or of every `.xml` of a folder.

    Raises:
        DataError: XML that is refused, or a file of tracks.
    """
    for file in annotation_files(source, ".xml"):
        if next(read_elements(file, "track", 1), None) is not None:
            raise DataError(
                "tracks of a video, not images",
                where=printable(file),
                remedy="export it as `CVAT for images 1.1`",
            )
        name, num_images = place_in(source, file), 0
        for image in read_elements(file, "image", 1):
            num_images += 1
            yield _image(image, name, options)
        if not num_images:
            yield BadSample(name, "unreadable", "no <image> in it: not a file of CVAT for images")


def _image(image: Element, name: str, options: ReadOptions) -> Annotated | BadSample:
    path = image.attributes.get("name", "")
    place = f"{name}: image {image.attributes.get('id', '?')}"
    try:
        size = stated_size(image.attributes.get("width"), image.attributes.get("height"))
    except DataError as error:
        return BadSample(place, "stated-size", error.message, path)
    gathered = Gathered(options)
    for index, shape in enumerate(image.children, start=1):
        _gather(shape, f"{shape.name} {index}", gathered)
    paths = (path,) if path else ()
    return Annotated(paths, size, place, tuple(gathered.objects), tuple(gathered.refusals))


def _gather(shape: Element, place: str, gathered: Gathered) -> None:
    label = shape.attributes.get("label", "")
    if shape.name == "tag":
        gathered.refuse(place, "tag", "a label of the whole image", label, rule=True)
        return
    try:
        geometry = _geometry(shape)
    except DataError as error:
        gathered.refuse(place, "bad-geometry", error.message, label)
        return
    if geometry is None:
        gathered.refuse(place, "shape-not-read", f"a <{shape.name}>", label)
        return
    item = Marked(label, (geometry,), place, _attributes(shape))
    if shape.name == "mask":
        gathered.mask(item)
    else:
        gathered.add(item)


def _geometry(shape: Element) -> Geometry | None:
    match shape.name:
        case "box":
            box = Box(*(_number(shape, key) for key in ("xtl", "ytl", "xbr", "ybr")))
            turn = _number(shape, "rotation", "0")
            return Polygon(turned_box(box, turn)) if turn % 360 else box
        case "polygon":
            return Polygon(_points(shape))
        case "polyline":
            return Line(_points(shape))
        case "ellipse":
            x, y, across, down = (_number(shape, key) for key in ("cx", "cy", "rx", "ry"))
            box = Box(x - across, y - down, x + across, y + down)
            return Polygon(ellipse(box, _number(shape, "rotation", "0")))
        case "mask":
            left, top, width, height = (
                _number(shape, key) for key in ("left", "top", "width", "height")
            )
            return Box(left, top, left + width, top + height)
        case _:
            return None


def _number(shape: Element, key: str, default: str | None = None) -> float:
    return number(shape.attributes.get(key, default), f"{key!r}")


def _points(shape: Element) -> Points:
    pairs = [pair.split(",") for pair in shape.attributes.get("points", "").split(";") if pair]
    if len(pairs) < _FEWEST[shape.name]:
        raise DataError(f"'points' has {len(pairs)} points, and needs {_FEWEST[shape.name]}")
    if any(len(pair) != 2 for pair in pairs):
        raise DataError("'points' is x,y;x,y;…")
    return tuple((number(x, "x of a point"), number(y, "y of a point")) for x, y in pairs)


def _attributes(shape: Element) -> tuple[Attribute, ...]:
    return tuple(
        (each.attributes.get("name", ""), (each.text.strip(),))
        for each in shape.all("attribute")
        if each.text.strip() and each.attributes.get("name")
    )
