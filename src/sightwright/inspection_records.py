"""What a line of inspection data may hold: an image, its objects, and perhaps its summary.

    {"id": "cab-7", "images": ["cab-7.jpg"], "width": 1920, "height": 1080,
     "objects": [{"desc": "类别=标签,文本=5G", "bbox_2d": [264, 144, 326, 201]}],
     "summary": "…", "metadata": {}}

`images` holds one path (relative to the JSONL's own folder), http(s) URL or data URL. Coordinates
are pixels of that image, upright; `width` and `height` are its size. An object has a `desc` and
exactly one of `bbox_2d`, `poly`, `line`; `quad` is read as a `poly` of four points. A record
without objects has a summary.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from msgspec import UNSET, Meta, Struct, UnsetType

from sightwright.errors import DataError
from sightwright.geometry import Geometry, faults
from sightwright.geometry_json import flat, read_geometry
from sightwright.records import joined, local_path, read_meta

MOST_SIDE_PX = 10**9
"""No image has a longer side; the arithmetic with one of hundreds of digits has no float."""

_RECORD_KEYS = ("id", "images", "objects", "width", "height", "summary", "meta", "metadata")
_OBJECT_KEYS = ("desc", "bbox_2d", "poly", "line", "quad", "poly_points", "line_points")
# Wrong objects that are told one by one; a file made wrongly has them by the thousand.
_MAX_TOLD = 20
# What a description may not hold, and the word for it.
_UNTIDY = {
    "\n": "a line break",
    "\r": "a carriage return",
    "\t": "a tab",
    " ,": "a space before a comma",
    ", ": "a space after a comma",
    " /": "a space before a slash",
    "/ ": "a space after a slash",
    "  ": "a double space",
}

_Filled = Annotated[str, Meta(min_length=1)]
_Size = Annotated[int, Meta(ge=1, le=MOST_SIDE_PX)]
_BoxNumbers = Annotated[list[float], Meta(min_length=4, max_length=4)]
_QuadNumbers = Annotated[list[float], Meta(min_length=8, max_length=8)]
_PolyNumbers = Annotated[
    list[float], Meta(min_length=6, description="x, y, x, y, … of at least three points")
]
_LineNumbers = Annotated[
    list[float], Meta(min_length=4, description="x, y, x, y, … of at least two points")
]
_Description = Annotated[
    str, Meta(min_length=1, description="One line; no space beside a comma or a slash.")
]


class ObjectLine(Struct, forbid_unknown_fields=True):
    """One object: a description and exactly one geometry, in pixels."""

    desc: _Description
    bbox_2d: _BoxNumbers | UnsetType = UNSET
    poly: _PolyNumbers | UnsetType = UNSET
    line: _LineNumbers | UnsetType = UNSET
    quad: _QuadNumbers | UnsetType = UNSET
    poly_points: int | UnsetType = UNSET
    line_points: int | UnsetType = UNSET


class InspectionLine(Struct, forbid_unknown_fields=True):
    """One line of an inspection data set: a photograph, its objects, perhaps its summary."""

    images: Annotated[list[_Filled], Meta(min_length=1, max_length=1)]
    width: _Size
    height: _Size
    objects: Annotated[list[ObjectLine], Meta(description="In any order.")] | UnsetType | None = (
        UNSET
    )
    summary: _Filled | UnsetType | None = UNSET
    id: _Filled | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class DenseObject:
    """One object: what it is, and where, in pixels of its image."""

    desc: str
    geometry: Geometry


@dataclass(frozen=True)
class InspectionRecord:
    """One photograph with its annotations.

    Attributes:
        id: "" where the file gives none; `key` then stands in.
        image: a path, an http(s) URL or a data URL.
        width, height: of the upright image, in pixels.
        objects: in the file's order.
        summary: one line, or None.
    """

    id: str
    image: str
    width: int
    height: int
    objects: tuple[DenseObject, ...] = ()
    summary: str | None = None
    meta: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def key(self) -> str:
        """What names the record: its id, or its image; a data URL, as long as its file, by its
        digest."""
        if self.id or not self.image.startswith("data:"):
            return self.id or self.image
        digest = hashlib.sha256(self.image.encode("utf-8", "surrogatepass")).hexdigest()
        return f"data:{digest[:16]}"

    @property
    def images(self) -> tuple[str, ...]:
        return (self.image,)


def is_inspection(value: object) -> bool:
    """Whether a JSON value is inspection data rather than a conversation, by its keys."""
    if not isinstance(value, Mapping):
        return False
    raw = cast("Mapping[str, object]", value)
    return not ({"messages", "conversations"} & set(raw)) and bool(
        {"objects", "summary", "width", "height"} & set(raw)
    )


def read_inspection_record(value: object) -> InspectionRecord:
    """Check one JSON value against the contract; every object's geometry against the image's size.

    Raises:
        DataError: every breach in one message; the caller adds file and line.
    """
    if not isinstance(value, Mapping):
        raise DataError(f"a record is an object, not {type(value).__name__}")
    raw = cast("Mapping[str, Any]", value)
    problems: list[DataError] = []
    _check_keys(raw, problems)
    record_id = raw.get("id", "")
    if not isinstance(record_id, str) or ("id" in raw and not record_id):
        problems.append(DataError(f"'id' is a non-empty string, not {record_id!r}"))
    size = tuple(_side(raw, key, problems) for key in ("width", "height"))
    image = _image(raw.get("images"), problems)
    summary = _summary(raw.get("summary"), problems)
    objects = _objects(raw, summary, size, problems)
    meta: dict[str, Any] = {}
    try:
        meta = read_meta(raw)
    except DataError as error:
        problems.append(error)
    if problems:
        raise joined(problems)
    return InspectionRecord(record_id, image, size[0], size[1], objects, summary, meta)


def write_inspection_record(record: InspectionRecord) -> dict[str, Any]:
    """The JSON value of a record."""
    value: dict[str, Any] = {"id": record.id} if record.id else {}
    value |= {"images": [record.image], "width": record.width, "height": record.height}
    value["objects"] = [write_object(each) for each in record.objects]
    if record.summary is not None:
        value["summary"] = record.summary
    if record.meta:
        value["metadata"] = record.meta
    return value


def write_object(item: DenseObject) -> dict[str, Any]:
    """`{"desc", "line_points", "line"}`, coordinates flat."""
    value: dict[str, Any] = {"desc": item.desc}
    if item.geometry.kind == "line":
        value["line_points"] = len(item.geometry.points)
    return {**value, item.geometry.kind: flat(item.geometry)}


def require_size(record: InspectionRecord, size: tuple[int, int]) -> None:
    """
    Raises:
        DataError: an image of another (width, height) than its record says.
    """
    if size != (record.width, record.height):
        raise DataError(
            f"the record says {record.width}x{record.height}, the image is {size[0]}x{size[1]}: "
            "its coordinates would lie elsewhere",
            remedy="convert it again with sightwright ingest annotations",
        )


def untidy(desc: str) -> list[str]:
    """What is wrong with a description's spelling, each as a phrase.

    >>> untidy("类别=标签, 文本=5G")
    ['a space after a comma']
    """
    if not desc.strip():
        return ["nothing in it"]
    found = [what for text, what in _UNTIDY.items() if text in desc.strip()]
    return found + (["space at its ends"] if desc != desc.strip() else [])


def _check_keys(raw: Mapping[str, Any], problems: list[DataError]) -> None:
    if "groups" in raw:
        problems.append(
            DataError("'groups' has no place in a record", remedy="write 组=… into each desc")
        )
    unknown = sorted(set(raw) - {*_RECORD_KEYS, "groups"})
    if unknown:
        known = ", ".join(_RECORD_KEYS)
        problems.append(DataError(f"unknown keys {', '.join(unknown)} (known: {known})"))


def _side(raw: Mapping[str, Any], key: str, problems: list[DataError]) -> int:
    value = raw.get(key)
    if type(value) is int and 0 < value <= MOST_SIDE_PX:
        return value
    said = "missing" if key not in raw else f"{value!r}"
    problems.append(
        DataError(
            f"{key!r} is {said}, and must be the image's in whole pixels",
            remedy="sightwright ingest annotations writes both",
        )
    )
    return 0


def _image(value: object, problems: list[DataError]) -> str:
    entries = cast("list[object]", value) if isinstance(value, list) else []
    if len(entries) > 1:
        problems.append(
            DataError(
                f"'images' holds {len(entries)} images; a record has one",
                remedy="write a record for each; custom.legacy_pairing groups them in training",
            )
        )
        return ""
    if not entries or not isinstance(entries[0], str) or not entries[0]:
        problems.append(DataError("'images' is a list of one path, http(s) URL or data URL"))
        return ""
    try:
        return local_path(entries[0])
    except DataError as error:
        problems.append(error)
        return ""


def _summary(value: object, problems: list[DataError]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        problems.append(DataError("'summary' is a non-empty text"))
        return None
    if re.search(r"[\r\n]", value):
        problems.append(DataError("'summary' is one line"))
    return value


def _objects(
    raw: Mapping[str, Any],
    summary: str | None,
    size: tuple[int, ...],
    problems: list[DataError],
) -> tuple[DenseObject, ...]:
    value = raw.get("objects")
    if value is None and summary is not None:
        return ()
    if not isinstance(value, list) or (not value and summary is None):
        problems.append(
            DataError("'objects' is a list; it may be empty or missing beside a 'summary' alone")
        )
        return ()
    found: list[DenseObject] = []
    wrong: list[DataError] = []
    for number, entry in enumerate(cast("list[object]", value), start=1):
        try:
            found.append(_object(entry, size))
        except DataError as error:
            wrong.append(DataError(f"object {number}: {error.message}", remedy=error.remedy))
    problems += wrong[:_MAX_TOLD]
    if len(wrong) > _MAX_TOLD:
        problems.append(DataError(f"and {len(wrong) - _MAX_TOLD} more objects that are wrong"))
    return tuple(found)


def _object(value: object, size: tuple[int, ...]) -> DenseObject:
    if not isinstance(value, Mapping):
        raise DataError("an object has 'desc' and a geometry")
    raw = cast("Mapping[str, Any]", value)
    if unknown := sorted(set(raw) - set(_OBJECT_KEYS)):
        raise DataError(f"unknown keys {', '.join(unknown)} (known: {', '.join(_OBJECT_KEYS)})")
    desc = raw.get("desc")
    if not isinstance(desc, str):
        raise DataError("'desc' is a text")
    if wrong := untidy(desc):
        raise DataError(f"'desc' has {', '.join(wrong)}: {desc!r}")
    for key in ("poly", "line"):
        count = f"{key}_points"
        if count in raw and (key not in raw or type(raw[count]) is not int):
            raise DataError(f"{count!r} is the number of points of a {key!r} beside it")
    geometry = read_geometry(raw)
    wrong = faults(geometry, *size) if all(size) else faults(geometry)
    if wrong:
        raise DataError("; ".join(wrong))
    return DenseObject(desc, geometry)
