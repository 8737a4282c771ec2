import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sightwright.ingest.record_schema import FILE, record_schema
from sightwright.ingest.validate import Validator
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


def test_the_schema_of_the_repository_is_generated() -> None:
    assert (
        KEPT.read_text(encoding="utf-8")
        == json.dumps(record_schema(), ensure_ascii=False, indent=2) + "\n"
    ), "run: sightwright data schema --out schemas/qwen_vl_pdf_extract.schema.json"


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
