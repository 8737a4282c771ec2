"""ms-swift's grounding lines: a conversation whose boxes stand beside it.

    {"messages": [{"role": "user", "content": "<image>Find the <ref-object>"},
                  {"role": "assistant", "content": "<bbox><bbox>"}],
     "images": ["a.jpg"],
     "objects": {"ref": ["sheep"], "bbox": [[x1, y1, x2, y2], …],
                 "bbox_type": "real", "image_id": [0, 0]}}

`bbox_type` is `real` (pixels, the default, also written `none`), `norm1` (0..1) or `norm1000`.
Without a size there is nothing to tell upright from stored: a turned photograph is taken upright,
and counted as a guess. Four numbers are a box, six or more a polygon; a point (two) is not read.
With as many names as boxes they belong together in their order; else a box belongs to the name
that was last said before it. `image_id` says which image a box is on, 0 where it is missing. Each
image of a line becomes a sample; the conversation is not kept.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Polygon
from sightwright.ingest.annotations.found import (
    Annotated,
    BadSample,
    Expect,
    Gathered,
    Marked,
    ReadOptions,
    entries,
    expect_nothing,
    flat_points,
    mapping,
    text,
)
from sightwright.ingest.annotations.source_files import annotation_files, place_in

_SIZES: dict[str, tuple[int, int] | None] = {
    "real": None, "none": None, "norm1": (1, 1), "norm1000": (1000, 1000),
}  # fmt: skip
_PLACEHOLDER = re.compile("<ref-object>|<bbox>")


def read_swift(
    source: Path, options: ReadOptions, expect: Expect = expect_nothing
) -> Iterator[Annotated | BadSample]:
    """The images of every line of one JSONL, or of every `.jsonl` of a folder."""
    for file in annotation_files(source, ".jsonl"):
        for line in jsonl.read_lines(file):
            place = f"{place_in(source, file)}:{line.number}"
            try:
                yield from _read(mapping(line.value()), place, options, file.parent)
            except DataError as error:
                yield BadSample(place, "unreadable", error.message)


def _read(
    raw: Mapping[str, Any], place: str, options: ReadOptions, beside: Path
) -> Iterator[Annotated]:
    objects = mapping(raw.get("objects"))
    if "bbox" not in objects:
        raise DataError("no 'objects' with a 'bbox': not a line of grounding data")
    images = [_path(image) for image in entries(raw.get("images"))]
    kind = text(objects.get("bbox_type")) or "real"
    if kind not in _SIZES:
        raise DataError(f"'bbox_type' is {kind!r}, none of {', '.join(_SIZES)}")
    if not images:
        raise DataError("no 'images'")
    boxes, gathered = entries(objects["bbox"]), [Gathered(options) for _ in images]
    labels = _labels(raw, [text(ref) for ref in entries(objects.get("ref"))], len(boxes))
    owners = entries(objects.get("image_id"))
    for index, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        owner = owners[index] if index < len(owners) else 0
        if type(owner) is not int or not 0 <= owner < len(images):
            raise DataError(f"image_id[{index}] is {owner!r}, and there are {len(images)} images")
        _gather(box, label, f"bbox[{index}]", gathered[owner])
    for index, (image, found) in enumerate(zip(images, gathered, strict=True)):
        where = place if len(images) == 1 else f"{place}: image {index}"
        yield Annotated(
            (image,),
            _SIZES[kind],
            where,
            tuple(found.objects),
            tuple(found.refusals),
            beside,
            normalised=_SIZES[kind] is not None,
        )


def _path(value: object) -> str:
    return text(value) or text(mapping(value).get("path"))


def _labels(raw: Mapping[str, Any], refs: list[str], num_boxes: int) -> list[str]:
    if len(refs) == num_boxes:
        return refs
    said = " ".join(text(mapping(turn).get("content")) for turn in entries(raw.get("messages")))
    found = _PLACEHOLDER.findall(said)
    counts = found.count("<ref-object>"), found.count("<bbox>")
    if counts != (len(refs), num_boxes):
        raise DataError(
            f"{counts[0]} <ref-object> and {counts[1]} <bbox> in the messages, {len(refs)} names "
            f"and {num_boxes} boxes in 'objects'"
        )
    labels: list[str] = []
    last = -1
    for tag in found:
        if tag == "<ref-object>":
            last += 1
        else:
            # `Identify <bbox>`: `<ref-object>`. The first name is meant before it is said.
            labels.append(refs[max(last, 0)] if refs else "")
    return labels


def _gather(box: object, label: str, place: str, gathered: Gathered) -> None:
    try:
        gathered.add(Marked(label, (_geometry(box),), place))
    except DataError as error:
        reason = "shape-not-read" if len(entries(box)) == 2 else "bad-geometry"
        gathered.refuse(place, reason, error.message, label)


def _geometry(value: object) -> Geometry:
    corners = flat_points(value, "a box", fewest=2)
    return Box(*corners[0], *corners[1]) if len(corners) == 2 else Polygon(corners)
