"""The numbers of a report, and its histograms."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sightwright.doctor.report import histogram, to_json

from .conftest import examined, page, write

COUNTS = st.dictionaries(st.integers(0, 10**6), st.integers(1, 50), max_size=50)


@given(COUNTS)
def test_a_histogram_holds_everything_once(counts: dict[int, int]) -> None:
    steps = histogram(counts)
    assert sum(count for _, _, count in steps) == sum(counts.values())
    assert len(steps) <= 26
    assert all(a[1] + 1 == b[0] for a, b in pairwise(steps))
    for low, high, count in steps:
        assert count == sum(n for number, n in counts.items() if low <= number <= high)


def test_the_facts(tmp_path: Path, photos: Callable[..., dict[str, Any]]) -> None:
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 40, 30]},
               {"desc": "screw", "bbox_2d": [50, 50, 90, 90]}]  # fmt: skip
    document = page(tmp_path, "d", 9, {"total": 5.0, "vendor": "Nobody"}, ["5.00"])
    away = photos(3, images=["https://example.org/a.png"])
    train = write(tmp_path / "train.jsonl", photos(1, objects=objects), document, away)
    val = write(tmp_path / "val.jsonl", photos(2))
    value = to_json(examined(train, val))
    assert (value["ok"], value["records"], value["errors"], value["warnings"]) == (True, 4, 0, 1)
    assert [(split["name"], split["records"]) for split in value["splits"]] == [
        ("train", 3), ("val", 1),
    ]  # fmt: skip
    facts = value["facts"]
    assert facts["kinds"] == {"document": 1, "inspection": 3}
    assert facts["images"] == {"all": 4, "not_opened": 0, "behind_a_url": 1, "empty": 0}
    assert facts["pages"] == {"all": 1, "with_words": 1}
    assert facts["fields"] == [
        {"field": "vendor", "values": 1, "missing": 1},
        {"field": "total", "values": 1, "missing": 0},
    ]
    assert facts["classes"]["commonest"] == [
        {"class": "screw", "objects": 4, "by_split": [3, 1]},
    ]
    # A word of 12 pixels; objects of 20, 30 and 30.
    assert facts["smallest_px"] == {"min": 12.0, "p50": 20.0, "p95": 30.0, "max": 30.0}
    (finding,) = value["checks"]["page_values"]["listed"]
    assert (finding["line"], finding["id"], finding["severity"]) == (2, "d", "warning")


def test_marks_are_in_the_json(tmp_path: Path, photos: Callable[..., dict[str, Any]]) -> None:
    objects = [{"desc": "screw", "bbox_2d": [10, 10, 400, 40]}]
    value = to_json(examined(write(tmp_path / "train.jsonl", photos(1, objects=objects))))
    (finding,) = value["checks"]["geometry"]["listed"]
    assert finding["marks"] == [{"bbox_2d": [10, 10, 400, 40]}]
