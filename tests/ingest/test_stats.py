import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.ingest.spread import Spread
from sightwright.ingest.stats import FileStats, file_stats


def record(record_id: str, answer: object, *images: str, prompt: str = "Read.") -> dict[str, Any]:
    content = [*({"type": "image", "image": i} for i in images), {"type": "text", "text": prompt}]
    text = answer if isinstance(answer, str) else json.dumps(answer)
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": [{"type": "text", "text": text}]},
    ]
    return {"id": record_id, "messages": messages}


def stats_of(path: Path, *records: object) -> FileStats:
    jsonl.write_all(path, records)
    *_, stats = file_stats(path)
    return stats


def containers(number: int) -> dict[str, Any]:
    return {"bl_number": "X", "vessel": None, "container_details": [{"seals": ["s"]}] * number}


def test_numbers_of_a_file(tmp_path: Path) -> None:
    # PD11: containers a document, 1, 2 and 9 of them.
    stats = stats_of(
        tmp_path / "x.jsonl",
        record("a", containers(9), "a.PNG", "sub\\b.jpg"),
        record("b", containers(1), "a.png", prompt="Read all."),
        record("c", containers(2), "https://x.org/a.png", "data:image/png;base64,QQ==", "noext"),
        record("d", "no JSON", "a.png"),
        record("e", "[1]"),
        record("f", {}, ""),
        {"id": "g", "messages": []},
    )
    value = stats.value()
    assert (value["records"], value["without_image"], value["unread"]) == (7, 2, 1)
    assert value["unread_lines"] == [f"{tmp_path}/x.jsonl:7: 'messages' is a non-empty list"]
    assert value["without_answer"] == 2
    assert value["extensions"] == {
        ".png": 3, ".jpg": 1, "http(s) URL": 1, "data URL": 1, "none": 1,
    }  # fmt: skip
    assert value["pages"] == {"min": 0, "p50": 1, "p95": 3, "max": 3}
    assert value["prompt_characters"] == {"min": 5, "p50": 5, "p95": 9, "max": 9}
    assert value["rows"] == {
        "container_details": {"min": 1, "p50": 2, "p95": 9, "max": 9},
        "container_details[].seals": {"min": 1, "p50": 1, "p95": 1, "max": 1},
    }
    assert value["filled"] == {"bl_number": 3, "vessel": 0, "container_details": 3}
    assert value["styles"] == {"sightwright": 5}


@pytest.mark.parametrize(
    ("numbers", "median", "most"),
    [([4], 4, 4), ([1, 2], 1, 2), ([3, 1, 2], 2, 3), ([5] * 40, 5, 5)],
)
def test_quantiles_are_numbers_that_were_seen(numbers: list[int], median: int, most: int) -> None:
    spread = Spread()
    for number in numbers:
        spread.add(number)
    assert (spread.quantile(0.5), spread.quantile(1.0)) == (median, most)
    assert spread.value()["min"] == min(numbers)


def test_a_spread_is_by_nearest_rank() -> None:
    counts = Counter({1: 1, 2: 1, 3: 1, 100: 1})
    assert Spread(counts).value() == {"min": 1, "p50": 2, "p95": 100, "max": 100}
    assert Spread().value() == {}


def test_an_empty_file_has_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no records"):
        stats_of(tmp_path / "x.jsonl")
