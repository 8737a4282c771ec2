"""Checking and reading a JSONL of inspection records, against `json` + `jsonschema` and against
Hugging Face `datasets`.

Both check the contract that the published schema states. Ours also checks what no schema can say:
that numbers come in pairs, that a shape is sound, and that it lies on its image; the peers do not.
All agree on every line first, good and bad.
"""

import json
import random
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema

from benchmarks.against_datasets import ITEM, Contest, compare_datasets
from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from sightwright import jsonl
from sightwright.geometry_json import flat
from sightwright.ingest.record_schema import inspection_schema
from sightwright.ingest.validate import Validator
from sightwright.inspection_records import read_inspection_record

NUM_COMPARED = 2_000
NUM_READ = 20_000
NUM_OBJECTS = 11
TURNS = 5
WIDTH, HEIGHT = 1920, 1080

_OBJECT = {
    "type": "object",
    "properties": {
        "desc": {"type": "string", "minLength": 1},
        **{key: {"type": "array", "items": {"type": "number"}, "minItems": 4}
           for key in ("bbox_2d", "poly", "line")},
        "line_points": {"type": "integer"},
    },
    "required": ["desc"],
    "additionalProperties": False,
}  # fmt: skip
# The record by hand, in as few steps as a validator can take.
SHORT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "images": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1},
        "width": {"type": "integer", "minimum": 1},
        "height": {"type": "integer", "minimum": 1},
        "objects": {"type": "array", "items": _OBJECT},
        "metadata": {"type": "object"},
    },
    "required": ["images", "width", "height", "objects"],
    "additionalProperties": False,
}
SCHEMAS = {"the published schema": inspection_schema(), "a short schema by hand": SHORT_SCHEMA}


def run() -> list[Comparison]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compared = write_records(folder / "compared.jsonl", NUM_COMPARED, share_bad=0.02)
        size = compared.stat().st_size / NUM_COMPARED
        print(
            f"\ninspection records of {size:.0f} bytes with {NUM_OBJECTS} objects, 2 % of them bad"
        )
        print(f"jsonschema {metadata.version('jsonschema')}, msgspec {metadata.version('msgspec')}")
        rows = [compare_check(compared, name, schema) for name, schema in SCHEMAS.items()]
        return rows + compare_reading(folder)


def compare_check(file: Path, name: str, schema: dict[str, Any]) -> Comparison:
    check = peer_check(schema)
    bad = our_check(file)
    assert bad == our_check(file, closely=True) == check(file)
    turns = {
        OURS: timed(lambda: our_check(file)),
        "ours, close look at every line": timed(lambda: our_check(file, closely=True)),
        "json + jsonschema": timed(lambda: check(file)),
    }
    equality = f"the same {len(bad)} of {NUM_COMPARED} lines are bad"
    title = f"JSONL check of inspection records; the peer has {name}"
    return compare_turns(title, turns, TURNS, equality, ITEM, NUM_COMPARED // 1000)


def our_check(file: Path, closely: bool = False) -> list[int]:
    """The numbers of the bad lines."""
    validator = Validator(check_images=False, closely=closely)
    return [problem.line for problem in validator.check([file])]


def peer_check(schema: dict[str, Any]) -> Callable[[Path], list[int]]:
    records = jsonschema.Draft202012Validator(schema)

    def check(file: Path) -> list[int]:
        with file.open("rb") as lines:
            return [
                number
                for number, line in enumerate(lines, start=1)
                if not records.is_valid(json.loads(line))
            ]

    return check


def compare_reading(folder: Path) -> list[Comparison]:
    contest = Contest(
        read=read,
        check=our_check,
        schemas={"record": SHORT_SCHEMA},
        titles=(
            "inspection records read; ours checks each one's contract, the peer none",
            "inspection records read and checked; the peer has the short schema",
        ),
        equality="the same objects in the same order",
        asked={"kind": "inspection"},
    )
    return compare_datasets(write_records(folder / "read.jsonl", NUM_READ), NUM_READ, contest)


def read(file: Path) -> list[str]:
    """Each object as its description and how many numbers it has."""
    return [
        f"{each.desc} {len(flat(each.geometry))}"
        for _, value in jsonl.read_values(file)
        for each in read_inspection_record(value).objects
    ]


def write_records(path: Path, number: int, share_bad: float = 0.0) -> Path:
    """Photographs with boxes, polygons and lines, some of them damaged."""
    rng = random.Random(7)
    with jsonl.Writer(path) as writer:
        for index in range(number):
            record = photograph(index, rng)
            if rng.random() < share_bad:
                rng.choice(DAMAGES)(record)
            writer.write(record)
    return path


def photograph(index: int, rng: random.Random) -> dict[str, Any]:
    return {
        "id": f"cabinet-{index:06d}",
        "images": [f"photos/cabinet-{index:06d}.jpg"],
        "width": WIDTH,
        "height": HEIGHT,
        "objects": [_object(rng) for _ in range(NUM_OBJECTS)],
        "metadata": {"site": f"S{index % 97}"},
    }


def _object(rng: random.Random) -> dict[str, Any]:
    x, y = rng.randint(0, WIDTH - 300), rng.randint(0, HEIGHT - 300)
    w, h = rng.randint(20, 300), rng.randint(20, 300)
    match rng.randrange(3):
        case 0:
            return {"desc": "类别=标签,文本=5G-L900", "bbox_2d": [x, y, x + w, y + h]}
        case 1:
            poly = [x, y, x + w, y + h // 3, x + w, y + h, x, y + h]
            return {"desc": "类别=BBU设备,品牌=华为,可见性=完整", "poly": poly}
        case _:
            line = [x, y, x + w // 2, y + h // 4, x + w, y + h]
            return {"desc": "类别=光纤,保护措施=有保护", "line_points": 3, "line": line}


DAMAGES: list[Callable[[dict[str, Any]], object]] = [
    lambda record: record.pop("images"),
    lambda record: record.update(images=[]),
    lambda record: record.update(width=0),
    lambda record: record.update(height="1080"),
    lambda record: record.update(label="x"),
    lambda record: record["objects"][0].update(desc=""),
    lambda record: record["objects"][0].pop("desc"),
    lambda record: record["objects"][3].update(colour="red"),
    lambda record: record["objects"].append({"desc": "x", "bbox_2d": [1, 2, 3]}),
    lambda record: record["objects"].append({"desc": "x", "line": [1, 2, "3", 4]}),
]


if __name__ == "__main__":
    run()
