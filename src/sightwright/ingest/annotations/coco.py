"""COCO and LVIS: one JSON with `images`, `annotations` and `categories`.

    {"images": [{"id": 7, "file_name": "a.jpg", "width": 640, "height": 480}],
     "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0,
                      "bbox": [x, y, width, height],
                      "segmentation": [[x, y, x, y, …], …]}],
     "categories": [{"id": 3, "name": "cat"}]}

Coordinates are pixels of `width` x `height`, from the left and top edge; whether that is the
picture upright or as it is stored, the exporting tools differ on, and the size tells. A polygon
of several parts is one object. A `segmentation` of run lengths, and `iscrowd: 1`, are a crowd
region or a mask. LVIS names an image by the address in `coco_url` where it has no `file_name`;
its last parts are the path. `attributes`, as CVAT and Datumaro write them, are read; keypoints are
not.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Polygon
from sightwright.ingest.annotations.found import (
    Annotated,
    BadSample,
    Expect,
    Gathered,
    Marked,
    ReadOptions,
    attributes_of,
    entries,
    expect_nothing,
    flat_points,
    mapping,
    number,
    stated_size,
    text,
)
from sightwright.ingest.annotations.source_files import (
    MAX_SET_BYTES,
    annotation_files,
    place_in,
    read_bounded,
)
from sightwright.ingest.sources import printable


class _Image(msgspec.Struct):
    id: Any = None
    file_name: Any = None
    coco_url: Any = None
    width: Any = None
    height: Any = None


class _Annotation(msgspec.Struct):
    id: Any = None
    image_id: Any = None
    category_id: Any = None
    bbox: Any = None
    segmentation: Any = None
    iscrowd: Any = 0
    attributes: Any = None


class _Category(msgspec.Struct):
    id: Any = None
    name: Any = None


class _Set(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation] = []


def read_coco(
    source: Path, options: ReadOptions, expect: Expect = expect_nothing
) -> Iterator[Annotated | BadSample]:
    """The images of one file, or of every `.json` of a folder, in their order.

    Raises:
        DataError: a file that is no COCO set.
    """
    files = annotation_files(source, ".json")
    for file in files:
        found = _decoded(file)
        if len(files) == 1:
            expect(len(found.images))
        yield from _read_set(found, file, place_in(source, file), options)


def _read_set(
    found: _Set, file: Path, name: str, options: ReadOptions
) -> Iterator[Annotated | BadSample]:
    named = {(_key(category.id), text(category.name)) for category in found.categories}
    names = dict(named)
    if len(names) < len(named):
        raise DataError("two categories have the same id", where=printable(file))
    by_image: dict[str, list[_Annotation]] = {_key(image.id): [] for image in found.images}
    if len(by_image) < len(found.images):
        raise DataError("two images have the same id", where=printable(file))
    orphans: list[_Annotation] = []
    for annotation in found.annotations:
        by_image.get(_key(annotation.image_id), orphans).append(annotation)
    # From here on each image's annotations are let go once they are read: a set is large.
    found.annotations.clear()
    for image in found.images:
        yield _image(image, by_image.pop(_key(image.id)), names, name, options)
    for annotation in orphans:
        place = f"{name}: annotation {annotation.id}"
        detail = f"its image_id {annotation.image_id!r} is none of the images"
        yield BadSample(place, "image-unnamed", detail)


def _decoded(file: Path) -> _Set:
    try:
        return msgspec.json.decode(read_bounded(file, MAX_SET_BYTES), type=_Set)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"not a COCO set: {error}",
            where=printable(file),
            remedy="it has images, annotations and categories; of captions or results there is "
            "nothing to convert",
        ) from None


def _image(
    image: _Image,
    annotations: list[_Annotation],
    names: Mapping[str, str],
    name: str,
    options: ReadOptions,
) -> Annotated | BadSample:
    place = f"{name}: image {image.id}"
    paths = _paths(image)
    try:
        size = stated_size(image.width, image.height)
    except DataError as error:
        return BadSample(place, "stated-size", error.message, paths[0] if paths else "")
    gathered = Gathered(options)
    for annotation in annotations:
        _gather(annotation, names, gathered)
    return Annotated(paths, size, place, tuple(gathered.objects), tuple(gathered.refusals))


def _paths(image: _Image) -> tuple[str, ...]:
    if isinstance(image.file_name, str) and image.file_name:
        return (image.file_name,)
    parts = text(image.coco_url).split("/")
    # …/train2017/000000391895.jpg: below the folder of all images, or in that of the split.
    return ("/".join(parts[-2:]), parts[-1]) if len(parts) > 1 else ()


def _gather(annotation: _Annotation, names: Mapping[str, str], gathered: Gathered) -> None:
    place = f"annotation {annotation.id}"
    label = names.get(_key(annotation.category_id), "")
    if not label:
        detail = f"category_id {annotation.category_id!r} is none of the categories"
        gathered.refuse(place, "no-label", detail)
        return
    try:
        box = _box(annotation.bbox)
        crowd = bool(annotation.iscrowd) or bool(mapping(annotation.segmentation))
        parts = () if crowd or gathered.options.boxes else _polygons(annotation.segmentation)
    except DataError as error:
        gathered.refuse(place, "bad-geometry", error.message, label)
        return
    shapes: tuple[Geometry, ...] = parts or ((box,) if box is not None else ())
    if not shapes and not crowd:
        gathered.refuse(place, "bad-geometry", "neither a bbox nor a polygon", label)
        return
    item = Marked(label, shapes, place, attributes_of(annotation.attributes), box)
    if crowd and box is not None:
        gathered.mask(item)
    elif crowd:
        gathered.refuse(place, "crowd", "a mask without a bbox", label, rule=True)
    else:
        gathered.add(item)


def _box(value: object) -> Box | None:
    if value in (None, []):
        return None
    sides = entries(value)
    if len(sides) != 4:
        raise DataError(f"'bbox' is x, y, width, height, not {len(sides)} numbers")
    x, y, width, height = (number(side, "'bbox'") for side in sides)
    if width < 0 or height < 0:
        raise DataError(f"'bbox' is {width:g} wide and {height:g} high")
    return Box(x, y, x + width, y + height)


def _polygons(value: object) -> tuple[Polygon, ...]:
    return tuple(
        Polygon(flat_points(part, f"segmentation[{index}]", fewest=3))
        for index, part in enumerate(entries(value))
    )


def _key(value: object) -> str:
    # 7 and "7" are different ids.
    return f"{type(value).__name__}:{value}"
