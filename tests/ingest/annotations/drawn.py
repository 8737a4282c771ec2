"""One scene, drawn, and written in every format: what each reader must make the same of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from PIL import Image, ImageDraw

from sightwright.geometry import Box, Geometry, Line, Polygon
from sightwright.geometry_json import flat

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Item:
    label: str
    geometry: Geometry
    attributes: dict[str, str] = field(default_factory=dict[str, str])


# In reading order, with whole numbers: 640x480 is on the grid, so nothing is resized.
SCENE = (
    Item("cat", Box(32, 40, 200, 180)),
    Item("dog", Polygon(((300, 60), (420, 100), (380, 200), (310, 160)))),
    Item("cat", Polygon(((40, 300), (200, 300), (200, 420), (120, 350), (40, 420)))),
)
CABLE = Item("cable", Line(((250, 440), (400, 380), (600, 460))))


def draw_image(
    path: Path,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    items: Sequence[Item] = SCENE,
    exif_orientation: int | None = None,
) -> Path:
    image = Image.new("RGB", size, (90, 110, 130))
    pen = ImageDraw.Draw(image)
    for item in items:
        colour = (220, 60, 40) if item.label == "cat" else (40, 200, 90)
        if isinstance(item.geometry, Line):
            pen.line(list(item.geometry.points), colour, 3)
        else:
            pen.polygon(list(item.geometry.points), colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if exif_orientation is not None:
        exif[0x0112] = exif_orientation
    image.save(path, exif=exif)
    return path


def coco(items: Sequence[Item] = SCENE, name: str = "a.png", **more: Any) -> dict[str, Any]:
    labels = sorted({item.label for item in items})
    annotations = [
        {"id": number, "image_id": 1, "category_id": labels.index(item.label) + 1, "iscrowd": 0}
        | _coco_geometry(item.geometry)
        for number, item in enumerate(items, start=1)
    ]
    image = {"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT, **more}
    categories = [{"id": i, "name": label} for i, label in enumerate(labels, start=1)]
    return {"images": [image], "annotations": annotations, "categories": categories}


def _coco_geometry(geometry: Geometry) -> dict[str, Any]:
    xs, ys = zip(*geometry.points, strict=True)
    box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    outline = [flat(geometry)] if isinstance(geometry, Polygon) else []
    return {"bbox": box, "segmentation": outline}


def labelme(items: Sequence[Item] = SCENE, name: str = "a.png", **more: Any) -> dict[str, Any]:
    return {
        "version": "5.5.0", "flags": {}, "imagePath": name, "imageData": None,
        "imageWidth": WIDTH, "imageHeight": HEIGHT,
        "shapes": [_labelme_shape(item) for item in items], **more,
    }  # fmt: skip


def _labelme_shape(item: Item) -> dict[str, Any]:
    match item.geometry:
        case Box(x1, y1, x2, y2):
            # Drawn from the lower right to the upper left, as one may.
            kind, points = "rectangle", [[x2, y2], [x1, y1]]
        case Polygon(points):
            kind, points = "polygon", [list(point) for point in points]
        case Line(points):
            kind, points = "linestrip", [list(point) for point in points]
    flags = dict.fromkeys(item.attributes, True)
    return {
        "label": item.label, "points": points, "group_id": None, "shape_type": kind, "flags": flags,
    }  # fmt: skip


def cvat(items: Sequence[Item] = SCENE, name: str = "a.png") -> str:
    shapes = "".join(_cvat_shape(item) for item in items)
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f'<image id="0" name={quoteattr(name)} {size}>{shapes}</image></annotations>'
    )


def _cvat_shape(item: Item) -> str:
    label = f'label={quoteattr(item.label)} source="manual" occluded="0"'
    inner = "".join(
        f"<attribute name={quoteattr(k)}>{escape(v)}</attribute>"
        for k, v in item.attributes.items()
    )
    if isinstance(item.geometry, Box):
        x1, y1, x2, y2 = flat(item.geometry)
        return f'<box {label} xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}">{inner}</box>'
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in item.geometry.points)
    name = "polyline" if isinstance(item.geometry, Line) else "polygon"
    return f'<{name} {label} points="{points}">{inner}</{name}>'


def voc(items: Sequence[Item], name: str = "a.png") -> str:
    objects = "".join(_voc_object(item) for item in items)
    return (
        f"<annotation><folder>x</folder><filename>{escape(name)}</filename>"
        f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        f"{objects}</annotation>"
    )


def _voc_object(item: Item) -> str:
    x1, y1, x2, y2 = flat(item.geometry)
    return (
        f"<object><name>{escape(item.label)}</name><pose>Unspecified</pose>"
        "<truncated>0</truncated><difficult>1</difficult>"
        f"<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
        "</object>"
    )


def swift(
    items: Sequence[Item] = SCENE, name: str = "a.png", kind: str | None = None
) -> dict[str, Any]:
    across, down = {"norm1": (WIDTH, HEIGHT), "norm1000": (WIDTH / 1000, HEIGHT / 1000)}.get(
        kind or "", (1, 1)
    )
    boxes = [
        [value / (down if index % 2 else across) for index, value in enumerate(flat(item.geometry))]
        for item in items
    ]
    said = " and ".join("<ref-object><bbox>" for _ in items)
    objects: dict[str, Any] = {"ref": [item.label for item in items], "bbox": boxes}
    return {
        "messages": [
            {"role": "user", "content": "<image>Describe it."},
            {"role": "assistant", "content": said},
        ],
        "images": [name],
        "objects": objects | ({"bbox_type": kind} if kind else {}),
    }


def domain_json(items: Sequence[Item], *, listed: bool = False) -> dict[str, Any]:
    info = {"info": {"width": WIDTH, "height": HEIGHT}}
    if listed:
        return info | {"dataList": [_listed(item) for item in items]}
    features = [_feature(item) for item in items]
    return info | {"markResult": {"type": "FeatureCollection", "features": features}}


def _content(item: Item) -> dict[str, Any]:
    attributes = {key: value for key, value in item.attributes.items() if key != "组"}
    groups = [{"id": int(item.attributes["组"])}] if "组" in item.attributes else []
    return {"contentZh": {"类别": item.label, **attributes}, "groups": groups}


def _listed(item: Item) -> dict[str, Any]:
    x1, y1, x2, y2 = flat(item.geometry)
    return {"coordinates": [[x1, y1], [x2, y2]], "properties": _content(item)}


def _feature(item: Item) -> dict[str, Any]:
    points = [list(point) for point in item.geometry.points]
    match item.geometry:
        case Box():
            geometry = {"type": "ExtentPolygon", "coordinates": [[*points, points[0]]]}
        case Polygon():
            geometry = {"type": "Polygon", "coordinates": [[*points, points[0]]]}
        case Line():
            geometry = {"type": "LineString", "coordinates": points}
    return {"type": "Feature", "geometry": geometry, "properties": _content(item)}


def save(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path
