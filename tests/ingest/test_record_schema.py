import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sightwright.errors import DataError
from sightwright.ingest.record_schema import FILE, FILES, SCHEMAS, inspection_schema, record_schema
from sightwright.ingest.validate import Validator
from sightwright.inspection_records import InspectionLine, read_inspection_record
from sightwright.jsonl import Line

KEPT = Path(__file__).parents[2] / "schemas" / FILE

GOOD: list[dict[str, Any]] = [
    {
        "id": "a",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": "a.png"},
                    {"type": "image_url", "image_url": "b.png"},
                    {"type": "image_url", "image_url": {"url": "c.png", "detail": "auto"}},
                    {"type": "text", "text": "Read."},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "{}"}]},
        ],
        "meta": {"document": "a"},
    },
    {
        "id": "a",
        "messages": [
            {"role": "user", "content": [{"type": "image", "image": "a.png"}]},
            {"role": "assistant", "content": "{}"},
        ],
        "metadata": None,
    },
]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schemas_of_the_repository_are_generated(kind: str) -> None:
    kept = (KEPT.parent / FILES[kind]).read_text(encoding="utf-8")
    assert kept == json.dumps(SCHEMAS[kind](), ensure_ascii=False, indent=2) + "\n", (
        f"run: sightwright data schema --kind {kind} --out schemas/{FILES[kind]}"
    )


def test_it_is_draft_2020_12_and_says_the_contract() -> None:
    # PD1.
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["id", "messages"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["id"]["minLength"] == 1
    assert schema["properties"]["messages"]["minItems"] == 2
    assert "discriminator" not in json.dumps(schema)


def damaged(value: Any) -> Iterator[Any]:
    """The value with one part of it left out, doubled as a key, or of another kind."""
    yield from (None, 3, "", "x", [], {}, [None], [[]], {"type": "text"}, {"role": "user"})
    if isinstance(value, dict):
        yield {**value, "extra": 1}
        for key, held in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for change in damaged(held):
                yield {**value, key: change}
    elif isinstance(value, list):
        for index, held in enumerate(value):
            yield value[:index] + value[index + 1 :]
            for change in damaged(held):
                yield [*value[:index], change, *value[index + 1 :]]


def reader_accepts(value: Any) -> bool:
    line = Line(Path("x.jsonl"), 1, json.dumps(value).encode())
    problem = Validator(check_images=False).look_closely(line)
    if problem is not None and problem.why.startswith("the last message"):
        return len(value["messages"]) > 1
    return problem is None or problem.why.startswith(("the answer", "no image"))


@pytest.mark.parametrize("record", GOOD)
def test_schema_and_reader_agree(record: dict[str, Any]) -> None:
    """On hundreds of records, each with one change. (That the last message is the assistant's, is
    JSON, and that there is an image, are beyond the schema.)"""
    validator = jsonschema.Draft202012Validator(record_schema())
    assert validator.is_valid(record) and reader_accepts(record)
    verdicts: list[bool] = []
    for change in damaged(copy.deepcopy(record)):
        verdicts.append(validator.is_valid(change))
        if isinstance(change, dict) and {"images", "image", "conversations"} & set(change):
            continue
        assert reader_accepts(change) == verdicts[-1], change
    assert len(verdicts) > 100 and 5 < sum(verdicts) < len(verdicts) / 2


# Photographs

PHOTOGRAPHS: list[dict[str, Any]] = [
    {
        "id": "a",
        "images": ["a.png"],
        "width": 40,
        "height": 30,
        "objects": [
            {"desc": "类别=标签,文本=5G", "bbox_2d": [1, 2, 3.5, 4]},
            {"desc": "shield/clear", "poly_points": 3, "poly": [0, 0, 9, 0, 9, 9]},
            {"desc": "cable", "line_points": 2, "line": [0, 0, 40, 30]},
            {"desc": "plate", "quad": [0, 0, 9, 0, 9, 9, 0, 9]},
        ],
        "summary": None,
        "meta": {"source": "x"},
    },
    {
        "images": ["a.png"],
        "width": 40,
        "height": 30,
        "objects": [],
        "summary": "one line",
        "metadata": None,
    },
]
# What no schema can say of a line, by the words of the reader.
BEYOND = (
    "outside the image", "different points", "numbers", "no area", "crosses itself", "no length",
    "is not left", "_points' says", "'summary' is one line", "names no file",
)  # fmt: skip


@pytest.mark.parametrize("record", PHOTOGRAPHS)
def test_schema_reader_and_types_agree_on_photographs(record: dict[str, Any]) -> None:
    """On hundreds of records, each with one change."""
    validator = jsonschema.Draft202012Validator(inspection_schema())
    changes = [record, *damaged(copy.deepcopy(record)), *_odd(record)]
    verdicts: list[bool] = []
    for change in changes:
        data = json.dumps(change).encode()
        verdicts.append(validator.is_valid(change))
        why = _refusal(change)
        if why is None:
            assert verdicts[-1], change
            msgspec.json.decode(data, type=InspectionLine)
        elif not any(words in why for words in BEYOND):
            assert not verdicts[-1], (change, why)
        if not verdicts[-1]:
            assert why is not None, change
    assert len(verdicts) > 100 and 5 < sum(verdicts) < len(verdicts) / 2


def _refusal(value: object) -> str | None:
    try:
        read_inspection_record(value)
    except DataError as error:
        return error.message
    return None


def _odd(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Descriptions and shapes that are nearly right."""
    box = {"bbox_2d": [0, 0, 3, 3]}
    for desc in ("a, b", "a ,b", "a / b", " a", "a ", "a  b", "a\nb", "a\tb", "\r", "\u3000", "é"):
        yield {**record, "objects": [{"desc": desc, **box}]}
    for more in ({"line": [0, 0, 1, 1]}, {"poly_points": 3}, {"line_points": 2}, {"groups": 1}):
        yield {**record, "objects": [{"desc": "a", **box, **more}]}
    for shape in ({"poly": [0, 0, 9, 0]}, {"line": [0, 0]}, {"quad": [0, 0, 9, 0, 9, 9]}, {}):
        yield {**record, "objects": [{"desc": "a", **shape}]}
    yield {**record, "meta": {}, "metadata": {}}
    yield {**record, "summary": " "}
