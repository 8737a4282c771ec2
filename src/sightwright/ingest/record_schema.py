"""The JSON Schemas of records, for editors and for other languages, made from the types that read
them."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from sightwright.ingest.summary_schema import FILES as SUMMARY_FILES
from sightwright.ingest.summary_schema import summary_schema
from sightwright.inspection_records import InspectionLine, ObjectLine
from sightwright.records import RecordLine
from sightwright.tasks.domains import DOMAINS

FILE = "qwen_vl_pdf_extract.schema.json"
INSPECTION_FILE = "inspection_record.schema.json"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
# `untidy` of inspection_records, as far as a pattern can say it.
_TIDY = r"^(?!.*(?: ,|, | /|/ |  |[\n\r\t]))\S(?:.*\S)?$"
_GEOMETRIES = ("bbox_2d", "poly", "line", "quad")


def record_schema() -> dict[str, Any]:
    """Of a record of extraction, draft 2020-12. What it cannot say is left to `data validate`: that
    ids are unique, that the last message is the assistant's, that its text is JSON, and that no key
    stands twice."""
    return _schema_of(RecordLine, "A record of page images, an instruction and the gold JSON")


def inspection_schema() -> dict[str, Any]:
    """Of a photograph with its objects, draft 2020-12. What it cannot say is left to `data
    validate`: that a geometry is sound and on the image, that numbers come in pairs and are as many
    as `poly_points` and `line_points` say, that the image is there and as large, and that no key
    stands twice. Points as pairs, `[[x, y], …]`, are read too; they are not written."""
    schema = _schema_of(InspectionLine, "A photograph with its objects, or with its summary")
    properties = schema["properties"]
    properties["summary"]["anyOf"][0]["pattern"] = r"^(?=.*\S)[^\n\r]*$"
    schema["anyOf"] = [
        {"properties": {"objects": {"type": "array", "minItems": 1}}, "required": ["objects"]},
        {"properties": {"summary": {"type": "string"}}, "required": ["summary"]},
    ]
    item = schema["$defs"][ObjectLine.__name__]
    item["properties"]["desc"]["pattern"] = _TIDY
    item["dependentRequired"] = {f"{key}_points": [key] for key in ("poly", "line")}
    item["oneOf"] = [{"required": [key]} for key in _GEOMETRIES]
    return schema


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "extraction": record_schema,
    "inspection": inspection_schema,
    **{f"{name}-summary": lambda each=each: summary_schema(each) for name, each in DOMAINS.items()},
}
"""By the name that `data schema --kind` takes."""

FILES: dict[str, str] = {
    "extraction": FILE,
    "inspection": INSPECTION_FILE,
    **{f"{name}-summary": file for name, file in SUMMARY_FILES.items()},
}
"""What each is called in `schemas/`."""


def _schema_of(record_type: type[msgspec.Struct], title: str) -> dict[str, Any]:
    generated = cast("dict[str, Any]", _tidied(msgspec.json.schema(record_type)))
    definitions = generated["$defs"]
    record = definitions.pop(record_type.__name__)
    # `metadata` is another name of `meta`; both at once would be two truths.
    record["not"] = {"required": ["meta", "metadata"]}
    record["title"] = title
    return {"$schema": _DRAFT, **record, "$defs": definitions}


def _tidied(value: object) -> object:
    """Descriptions on one line; without OpenAPI's `discriminator`, which JSON Schema has not."""
    match value:
        case dict():
            members = cast("dict[str, object]", value)
            return {k: _tidied(held) for k, held in members.items() if k != "discriminator"}
        case list():
            return [_tidied(item) for item in cast("list[object]", value)]
        case str():
            return " ".join(value.split())
        case _:
            return value
