"""The JSON Schema of a record, for editors and for other languages, made from the types that read
it."""

from typing import Any, cast

import msgspec

from sightwright.records import RecordLine

FILE = "qwen_vl_pdf_extract.schema.json"


def record_schema() -> dict[str, Any]:
    """Draft 2020-12. What it cannot say is left to `data validate`: that ids are unique, that the
    last message is the assistant's, that its text is JSON, and that no key stands twice."""
    generated = cast("dict[str, Any]", _tidied(msgspec.json.schema(RecordLine)))
    definitions = generated["$defs"]
    record = definitions.pop(RecordLine.__name__)
    # `metadata` is another name of `meta`; both at once would be two truths.
    record["not"] = {"required": ["meta", "metadata"]}
    record["title"] = "A record of page images, an instruction and the gold JSON"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **record,
        "$defs": definitions,
    }


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
