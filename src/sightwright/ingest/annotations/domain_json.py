"""The annotation JSON of the equipment photographs (BBU, RRU): one beside each image.

    {"info": {"width": 1920, "height": 1440},
     "markResult": {"type": "FeatureCollection", "features": [
       {"type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[x, y], …]]},
        "properties": {"contentZh": {"类别": "尾纤", "标签": "有标签"},
                       "groups": [{"id": 1}]}}]}}

or, in place of `markResult`, rectangles by two corners:

     "dataList": [{"coordinates": [[x1, y1], [x2, y2]], "properties": {…}}]

Geometry types: ExtentPolygon, Rectangle and Rect are boxes; Polygon, Square and Quad are polygons,
MultiPolygon one object in pieces; LineString, Polyline and Line are lines.

The text of the label may stand in several places. The first of these that is filled is taken:
`类别` in `contentZh`, in `content`, in `properties`; then `标签` or `标签贴纸` in `contentZh`;
then `label`, `desc` or `name` in `content`, in `properties`, in the entry itself. The other
entries of `contentZh` (else of `content`) are attributes. It may be a name (`尾纤`), a whole
description (`类别=尾纤,标签=有标签`) or levels (`标签/5G`); `descriptions` takes it apart.

Coordinates are pixels of `info`'s size, which tells whether they were measured on the picture
upright or as it is stored.

The image is the file that `imagePath` names, else the one of the JSON's own name, at the same
place below the folder of images or beside the JSON.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from sightwright.errors import DataError
from sightwright.geometry import Geometry, Line, Points, Polygon
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
    entries,
    expect_nothing,
    mapping,
    points,
    stated_size,
    text,
    texts,
)
from sightwright.ingest.annotations.source_files import image_of_each_file, read_json
from sightwright.tasks.domains import CATEGORY, GROUP

_BOXES = ("ExtentPolygon", "Rectangle", "Rect")
_POLYGONS = ("Polygon", "Square", "Quad")
_LINES = ("LineString", "Polyline", "Line")
_LABELS_ZH = ("标签", "标签贴纸")
_LABELS = ("label", "desc", "name")
_IMAGE_ENDINGS = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_GROUP_ID = re.compile(r"(?:组|group[_ ]?)?\s*(.+)", re.IGNORECASE | re.DOTALL)


def read_domain_json(
    source: Path, options: ReadOptions, expect: Expect = expect_nothing
) -> Iterator[Annotated | BadSample]:
    """The image of one file, or of every `.json` of a folder."""

    def read(file: Path, place: str) -> Annotated:
        return _read(mapping(read_json(file)), file, place, source, options)

    return image_of_each_file(source, ".json", read, expect)


def _read(
    raw: Mapping[str, Any], file: Path, place: str, source: Path, options: ReadOptions
) -> Annotated:
    marked = mapping(raw.get("markResult"))
    if not isinstance(raw.get("dataList"), list) and not isinstance(marked.get("features"), list):
        raise DataError("neither 'dataList' nor 'markResult.features': no annotation JSON")
    listed, features = entries(raw.get("dataList")), entries(marked.get("features"))
    if listed and features:
        raise DataError("both 'dataList' and 'markResult.features': one of them is the annotation")
    info = mapping(raw.get("info"))
    gathered = Gathered(options)
    for index, entry in enumerate(listed or features):
        name = "dataList" if listed else "markResult.features"
        _gather(mapping(entry), f"{name}[{index}]", gathered, is_listed=bool(listed))
    return Annotated(
        _image_names(raw, file, source),
        stated_size(info.get("width"), info.get("height")),
        place,
        tuple(gathered.objects),
        tuple(gathered.refusals),
        file.parent,
    )


def _image_names(raw: Mapping[str, Any], file: Path, source: Path) -> tuple[str, ...]:
    if path := text(raw.get("imagePath")):
        return (path,)
    below = file if file == source else file.relative_to(source)
    stems = dict.fromkeys(str(each.with_suffix("")) for each in (Path(file.name), below))
    if file == source:
        stems = {file.stem: None}
    endings = (*_IMAGE_ENDINGS, *(ending.upper() for ending in _IMAGE_ENDINGS))
    return tuple(stem + ending for stem in reversed(stems) for ending in endings)


def _gather(entry: Mapping[str, Any], place: str, gathered: Gathered, *, is_listed: bool) -> None:
    label, attributes = _label(entry)
    if nested := _nested(entry):
        text_of = f"{nested!r} holds an object, not a value"
        gathered.refuse(place, "bad-attribute", text_of, label)
        return
    try:
        parts = _rectangle(entry) if is_listed else _parts(mapping(entry.get("geometry")))
    except DataError as error:
        gathered.refuse(place, "bad-geometry", error.message, label)
        return
    if not parts:
        kind = mapping(entry.get("geometry")).get("type")
        gathered.refuse(place, "shape-not-read", f"a geometry of type {kind!r}", label)
        return
    try:
        groups = _groups(mapping(entry.get("properties")).get("groups"))
    except DataError as error:
        gathered.refuse(place, "group", error.message, label)
        return
    gathered.add(Marked(label, parts, place, attributes + groups))


def _rectangle(entry: Mapping[str, Any]) -> tuple[Geometry, ...]:
    return (box_around(points(entry.get("coordinates"), "'coordinates'", 2)),)


def _parts(geometry: Mapping[str, Any]) -> tuple[Geometry, ...]:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind in _BOXES:
        return (box_around(points(_ring(coordinates), "'coordinates'", 2)),)
    if kind in _LINES:
        return (Line(points(_ring(coordinates), "'coordinates'", 2)),)
    if kind in _POLYGONS:
        return (Polygon(_ring_points(coordinates)),)
    if kind == "MultiPolygon":
        return tuple(Polygon(_ring_points(part)) for part in entries(coordinates))
    return ()


def _ring(coordinates: object) -> list[Any]:
    """`[[x, y], …]`, also where it is the one ring of a list of rings."""
    outer = entries(coordinates)
    if outer and entries(outer[0]) and isinstance(entries(outer[0])[0], list):
        if len(outer) > 1:
            raise DataError("a polygon with holes")
        return entries(outer[0])
    return outer


def _ring_points(coordinates: object) -> Points:
    return points(_ring(coordinates), "'coordinates'", 3)


def _label(entry: Mapping[str, Any]) -> tuple[str, tuple[Attribute, ...]]:
    properties = mapping(entry.get("properties"))
    zh, plain = mapping(properties.get("contentZh")), mapping(properties.get("content"))
    wanted = [(each, (CATEGORY,)) for each in (zh, plain, properties)]
    wanted += [(zh, _LABELS_ZH)] + [(each, _LABELS) for each in (plain, properties, entry)]
    for holder, keys in wanted:
        for key in keys:
            if said := texts(holder.get(key)):
                content = {k: v for k, v in (zh or plain).items() if k not in (key, "label")}
                return ",".join(said), attributes_of(content)
    return "", ()


def _nested(entry: Mapping[str, Any]) -> str:
    """The first entry of the contents that is neither a value nor a list of values."""
    properties = mapping(entry.get("properties"))
    content = mapping(properties.get("contentZh")) or mapping(properties.get("content"))
    for key, value in content.items():
        given: list[object] = entries(cast("object", value)) if isinstance(value, list) else [value]
        if any(isinstance(each, Mapping | list) for each in given):
            return key
    return ""


def _groups(value: object) -> tuple[Attribute, ...]:
    given: list[object] = entries(cast("object", value)) if isinstance(value, list) else [value]
    found = [_group_of(entry) for entry in given if entry not in (None, "", {}, [])]
    return ((GROUP, tuple(dict.fromkeys(found))),) if found else ()


def _group_of(entry: object) -> str:
    """`{"id": 1}`, `{"name": "组1"}`, `1` or `"组 1"`."""
    group = mapping(entry)
    said = text(group.get("id")) or text(group.get("name")) or text(entry)
    if (match := _GROUP_ID.fullmatch(said)) is None:
        raise DataError(f"'groups' has {str(entry)[:40]}, which names no group")
    return match[1]
