"""Records read, and checked, through Hugging Face datasets. Runs in an environment of its own."""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import datasets  # pyright: ignore
import jsonschema


def load(file: str, how: str, cache: str) -> Iterable[dict[str, Any]]:
    return datasets.load_dataset(
        "json", data_files=file, split="train", streaming=how == "streaming", cache_dir=cache
    )


def answers(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [row["messages"][-1]["content"][0]["text"] for row in rows]


def objects(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Of inspection data each object as its description and how many numbers it has."""
    return [
        f"{each['desc']} {len(each.get('bbox_2d') or each.get('poly') or each['line'])}"
        for row in rows
        for each in row["objects"]
    ]


def num_bad(rows: Iterable[dict[str, Any]], schemas: dict[str, Any]) -> int:
    records = jsonschema.Draft202012Validator(schemas["record"])
    answer_schema = schemas.get("answer")
    documents = answer_schema and jsonschema.Draft202012Validator(answer_schema)

    def is_good(row: dict[str, Any]) -> bool:
        # A key that a row has not comes as None, and is taken out again.
        record = without_nones(row)
        if not records.is_valid(record):
            return False
        if documents is None:
            return True
        return documents.is_valid(json.loads(record["messages"][-1]["content"][0]["text"]))

    return sum(not is_good(row) for row in rows)


def without_nones(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nones(held) for key, held in value.items() if held is not None}
    return [without_nones(held) for held in value] if isinstance(value, list) else value


datasets.disable_progress_bars()
print(json.dumps({"version": metadata.version("datasets")}), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    # A new cache each time: else the second turn finds the first one's table.
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        rows = load(question["file"], question["how"], cache)
        if question["schemas"] is None:
            texts = objects(rows) if question.get("kind") == "inspection" else answers(rows)
            seconds = time.perf_counter() - started
            found: Any = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        else:
            found = num_bad(rows, question["schemas"])
            seconds = time.perf_counter() - started
        del rows
    print(json.dumps({"seconds": seconds, "found": found}), flush=True)
