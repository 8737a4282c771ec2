"""Three receipts on drawn pages, as a file of chat records."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.records import write_chat_record
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string", "maxLength": 20},
        "total": {"type": "number"},
        "items": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
            },
        },
    },
}
LABELS: dict[str, dict[str, Any]] = {
    "a": {"vendor": "Cedar", "total": 7.5, "items": [{"name": "tea", "price": 7.5}]},
    "b": {"vendor": "Pine", "total": None, "items": []},
    "c": {"vendor": "Oak", "total": 3, "items": []},
}


@pytest.fixture
def task() -> ExtractTask:
    return ExtractTask(compile_schema(SCHEMA, "receipt"), prompt="Read it.")


@pytest.fixture
def data(tmp_path: Path, task: ExtractTask) -> Path:
    """`records.jsonl`; the page of each receipt has a width of its own."""
    records: list[Any] = []
    for number, (name, label) in enumerate(LABELS.items()):
        Image.new("RGB", (64 + number, 32), "white").save(tmp_path / f"{name}.png")
        records.append(write_chat_record(task.record(name, [f"{name}.png"], label)))
    jsonl.write_all(tmp_path / "records.jsonl", records)
    return tmp_path / "records.jsonl"
