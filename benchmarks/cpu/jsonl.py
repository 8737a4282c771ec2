"""Checking and reading a JSONL of extraction records, against `json` + `jsonschema` and against
Hugging Face `datasets`.

The peer of the check does the same work: it parses the line and the answer within, and checks both
with validators that are compiled once. All agree on every line first, good and bad.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema

from benchmarks.against_datasets import ITEM, Contest, compare_datasets
from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from sightwright import jsonl
from sightwright.ingest.record_schema import record_schema
from sightwright.ingest.validate import Validator
from sightwright.record_formats import read_record
from sightwright.schema import DocumentSchema, compile_schema

NUM_RECORDS = 100_000
NUM_COMPARED = 2_000
NUM_READ = 20_000
NUM_PAGES = 64
TURNS = 5
MOST_MIB = 300

_LINE = {
    "type": "object",
    "properties": {
        "description": {"type": "string"},
        "quantity": {"type": "integer"},
        "price": {"type": "number"},
        "amount": {"type": "number"},
    },
    "required": ["description", "quantity", "price", "amount"],
    "additionalProperties": False,
}
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "maxLength": 40},
        "date": {"type": "string", "maxLength": 10},
        "vendor": {"type": ["string", "null"]},
        "currency": {"type": "string", "maxLength": 3},
        "lines": {"type": "array", "items": _LINE},
        "total": {"type": "number"},
    },
    "required": ["number", "date", "vendor", "currency", "lines", "total"],
    "additionalProperties": False,
}
# The record by hand, in as few steps as a validator can take: what the generated schema says less
# the other spellings of an image, and that images are the user's.
_ITEM = {
    "type": "object",
    "properties": {
        "type": {"enum": ["text", "image"]},
        "text": {"type": "string"},
        "image": {"type": "string", "minLength": 1},
    },
    "required": ["type"],
    "minProperties": 2,
    "maxProperties": 2,
    "additionalProperties": False,
}
SHORT_RECORD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "messages": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "role": {"enum": ["system", "user", "assistant"]},
                    "content": {"type": "array", "minItems": 1, "items": _ITEM},
                },
                "required": ["role", "content"],
                "additionalProperties": False,
            },
        },
        "meta": {"type": "object"},
    },
    "required": ["id", "messages"],
    "additionalProperties": False,
}

RECORD_SCHEMAS = {
    "the published record schema": record_schema(),
    "a short schema by hand": SHORT_RECORD_SCHEMA,
}


def run() -> list[Comparison]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compared = write_records(folder / "compared.jsonl", NUM_COMPARED, share_bad=0.02)
        size = compared.stat().st_size / NUM_COMPARED
        print(f"\nrecords of {size:.0f} bytes, 2 % of them bad; images not looked for")
        print(f"jsonschema {metadata.version('jsonschema')}, msgspec {metadata.version('msgspec')}")
        rows = [
            compare_check(compared, name, schema, answers)
            for name, schema in RECORD_SCHEMAS.items()
            for answers in (ANSWER_SCHEMA, None)
        ]
        measure_the_command(folder)
        return rows + compare_reading(folder)


def compare_check(
    file: Path, name: str, schema: dict[str, Any], answers: dict[str, Any] | None
) -> Comparison:
    task = None if answers is None else compile_schema(answers, "invoice")
    check = peer_check(schema, answers)
    bad = our_check(file, task)
    assert bad == our_check(file, task, closely=True) == check(file)
    turns = {
        OURS: timed(lambda: our_check(file, task)),
        "ours, close look at every line": timed(lambda: our_check(file, task, closely=True)),
        "json + jsonschema": timed(lambda: check(file)),
    }
    kind = "answers by schema" if answers else "answers any JSON object"
    equality = f"the same {len(bad)} of {NUM_COMPARED} lines are bad"
    title = f"JSONL check, {kind}; the peer has {name}"
    return compare_turns(title, turns, TURNS, equality, ITEM, NUM_COMPARED // 1000)


def our_check(file: Path, schema: DocumentSchema | None, closely: bool = False) -> list[int]:
    """The numbers of the bad lines."""
    validator = Validator(schema, check_images=False, closely=closely)
    return [problem.line for problem in validator.check([file])]


def peer_check(
    record_schema: dict[str, Any], answer_schema: dict[str, Any] | None
) -> Callable[[Path], list[int]]:
    records = jsonschema.Draft202012Validator(record_schema)
    answers = None if answer_schema is None else jsonschema.Draft202012Validator(answer_schema)

    def is_good(line: bytes) -> bool:
        try:
            record = json.loads(line)
            if not records.is_valid(record):
                return False
            answer = json.loads(record["messages"][-1]["content"][0]["text"])
        except ValueError:
            return False
        return isinstance(answer, dict) and (answers is None or answers.is_valid(answer))

    def check(file: Path) -> list[int]:
        ids: set[str] = set()
        bad: list[int] = []
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not is_good(line) or (record_id := json.loads(line)["id"]) in ids:
                    bad.append(number)
                else:
                    ids.add(record_id)
        return bad

    return check


def measure_the_command(folder: Path) -> None:
    """`data validate` of the whole file as a command: images looked for, memory measured."""
    file = write_records(folder / "all.jsonl", NUM_RECORDS)
    (folder / "pages").mkdir()
    for page in range(NUM_PAGES):
        (folder / page_path(page)).write_bytes(b"a page")
    schema = folder / "invoice.schema.json"
    schema.write_text(json.dumps(ANSWER_SCHEMA))
    command = [sys.executable, "-m", "sightwright", "data", "validate", str(file)]
    started = time.perf_counter()
    child = subprocess.Popen([*command, "--schema", str(schema)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    said = child.stdout.read().decode().strip()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    assert status == 0 and said == f"OK: {NUM_RECORDS} records", said
    size_mib, peak_mib = file.stat().st_size / 2**20, usage.ru_maxrss / 1024
    print(f"\nsightwright data validate, {NUM_RECORDS} records, {size_mib:.0f} MiB")
    print(f"  {seconds:.2f} s, {NUM_RECORDS / seconds:.0f} records a second; images looked for")
    print(f"  peak memory {peak_mib:.0f} MiB (at most {MOST_MIB})")
    assert peak_mib < MOST_MIB


def compare_reading(folder: Path) -> list[Comparison]:
    task = compile_schema(ANSWER_SCHEMA, "invoice")
    contest = Contest(
        read=read,
        check=lambda file: our_check(file, task),
        schemas={"record": SHORT_RECORD_SCHEMA, "answer": ANSWER_SCHEMA},
        titles=(
            "JSONL read; ours checks each record's contract, the peer none",
            "JSONL read and checked; the peer has the short schema",
        ),
        equality="the same answers in the same order",
        asked={},
    )
    return compare_datasets(write_records(folder / "read.jsonl", NUM_READ), NUM_READ, contest)


def read(file: Path) -> list[str]:
    return [read_record(value).messages[-1].text for _, value in jsonl.read_values(file)]


def write_records(path: Path, number: int, share_bad: float = 0.0) -> Path:
    """Invoices of ten lines, amounts spelled as printed (34.70), some of them damaged."""
    rng = random.Random(7)
    with jsonl.Writer(path) as writer:
        for index in range(number):
            record = invoice(index, rng)
            if rng.random() < share_bad:
                rng.choice(DAMAGES)(record)
            writer.write(record)
    return path


def page_path(index: int) -> str:
    return f"pages/page-{index % NUM_PAGES:04d}.png"


def invoice(index: int, rng: random.Random) -> dict[str, Any]:
    words = ("steel", "bolt", "washer", "bracket", "cable", "hose", "valve", "filter", "bearing")
    lines = ",".join(
        f'{{"description":"{" ".join(rng.choices(words, k=3))}","quantity":{rng.randint(1, 40)},'
        f'"price":{rng.randint(1, 90_000) / 100:.2f},"amount":{rng.randint(1, 900_000) / 100:.2f}}}'
        for _ in range(10)
    )
    answer = (
        f'{{"number":"INV-{index:06d}","date":"2025-03-{rng.randint(1, 28):02d}",'
        f'"vendor":"Zoë & Søn","currency":"EUR","lines":[{lines}],'
        f'"total":{rng.randint(1, 900_000) / 100:.2f}}}'
    )
    instruction = (
        "Extract the invoice as JSON with exactly these keys: number, date, vendor, currency, "
        "lines, total. Write null for what the page does not show."
    )
    content = [{"type": "image", "image": page_path(index)}, {"type": "text", "text": instruction}]
    return {
        "id": f"invoice-{index:06d}",
        "messages": [
            {"role": "user", "content": content},
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ],
        "meta": {"document": f"invoice-{index:06d}", "pages": 1},
    }


def _damage_answer(record: dict[str, Any], change: Callable[[str], str]) -> None:
    item = record["messages"][1]["content"][0]
    item["text"] = change(item["text"])


DAMAGES: list[Callable[[dict[str, Any]], object]] = [
    lambda record: record.pop("id"),
    lambda record: record.update(id=""),
    lambda record: record.update(id="invoice-000000"),
    lambda record: record.update(label="x"),
    lambda record: record["messages"].pop(),
    lambda record: record["messages"][0].update(role="tool"),
    lambda record: record["messages"][0]["content"][0].update(url="a.png"),
    lambda record: record["messages"][0]["content"][0].update(image=""),
    lambda record: record["messages"][1].update(content=[]),
    lambda record: _damage_answer(record, lambda text: text[:-1]),
    lambda record: _damage_answer(record, lambda text: f"Sure: {text}"),
    lambda record: _damage_answer(record, lambda text: f"[{text}]"),
]


if __name__ == "__main__":
    run()
