"""Pictures that show nothing of the subject become summary records: 无关图片, one box around all.

The record has one object, `irrelevant`, as large as the image, so that the same files serve where
objects are asked for.
"""

import io
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sightwright import jsonl, logs
from sightwright.errors import DataError, ImageError
from sightwright.geometry import Box
from sightwright.ingest.annotations.pictures import (
    Opened,
    SizeRules,
    encoded,
    open_picture,
    padded,
    put,
    resized,
)
from sightwright.ingest.sources import Source, Taken, find_files, named_apart
from sightwright.inspection_records import (
    DenseObject,
    InspectionRecord,
    write_inspection_record,
)
from sightwright.metrics.summary import IRRELEVANT

if TYPE_CHECKING:
    from PIL.Image import Image

DESCRIPTION = "irrelevant"
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_PAD = 32


@dataclass(frozen=True)
class IrrelevantReport:
    """
    Attributes:
        num_records: written.
        num_copied: images that needed no change.
        broken: images that cannot be read, as `name: why`.
    """

    num_records: int
    num_copied: int
    broken: list[str] = field(default_factory=list[str])


def write_irrelevant(
    images: Path,
    out: Path,
    *,
    summary: str = IRRELEVANT,
    sizes: SizeRules | None = None,
    in_place: bool = False,
) -> IrrelevantReport:
    """Write a record for every image of a folder; each is turned upright, resized, and padded with
    grey to multiples of 32.

    Args:
        out: the JSONL; the images as they are read stand in `images/` beside it.
        in_place: the images take the place of those of the folder instead.

    Raises:
        DataError: no images, a summary that is empty or not one line, none that can be read, or
            images that would be written among those that are read.
    """
    if not summary.strip() or summary != " ".join(summary.splitlines()):
        raise DataError("the summary is one line of text")
    if not in_place:
        _refuse_one_folder(images.resolve(), (out.parent / "images").resolve())
    found = find_files([images], _ENDINGS)
    records: list[dict[str, Any]] = []
    broken: list[str] = []
    copied = 0
    for source, name in logs.progress(list(named_apart(found, Taken(()))), "images", len(found)):
        try:
            record, unchanged = _record(source, name, out, summary, sizes or SizeRules(), in_place)
        except ImageError as error:
            broken.append(f"{source.relative}: {error.message}")
            continue
        records.append(record)
        copied += unchanged
    if not records:
        raise DataError("no image of the folder can be read", where=str(images))
    jsonl.write_all(out, records)
    return IrrelevantReport(len(records), copied, broken)


def _refuse_one_folder(read: Path, written: Path) -> None:
    if written.is_relative_to(read) or read.is_relative_to(written):
        raise DataError(
            f"{written} lies in the folder of the pictures, or they in it",
            where=str(read),
            remedy="write the JSONL elsewhere, or say --overwrite-images",
        )


def _record(
    source: Source, name: str, out: Path, summary: str, sizes: SizeRules, in_place: bool
) -> tuple[dict[str, Any], bool]:
    opened = open_picture(source.path)
    image = _prepared(opened, sizes)
    unchanged = image.size == opened.picture.size and opened.picture.orientation == 1
    data, ending = (opened.data, source.path.suffix) if unchanged else _file(opened, image)
    path = source.path if in_place else out.parent / "images" / f"{name}{ending}"
    if in_place and not unchanged:
        data = _same_kind(opened, image)
    put(path, data)
    box = DenseObject(DESCRIPTION, Box(0, 0, *image.size))
    shown = PurePosixPath(os.path.relpath(path.resolve(), out.parent.resolve())).as_posix()
    record = InspectionRecord(name, shown, image.width, image.height, (box,), summary)
    return write_inspection_record(record), unchanged


def _prepared(opened: Opened, sizes: SizeRules) -> "Image":
    target = sizes.target(opened.upright.size)
    image = opened.upright
    return padded(image if image.size == target else resized(image, target), _PAD)


def _file(opened: Opened, image: "Image") -> tuple[bytes, str]:
    if opened.format == "JPEG":
        return encoded(image, "JPEG"), ".jpg"
    return encoded(image, "PNG"), ".png"


def _same_kind(opened: Opened, image: "Image") -> bytes:
    """In place, a file keeps its name, and so its kind."""
    if opened.format in ("JPEG", "PNG"):
        return encoded(image, "JPEG" if opened.format == "JPEG" else "PNG")
    buffer = io.BytesIO()
    image.save(
        buffer, format=opened.format, **({"lossless": True} if opened.format == "WEBP" else {})
    )
    return buffer.getvalue()
