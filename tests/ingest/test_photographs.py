"""Files of photographs through the verbs that were made for conversations: stats, verify-images,
split, convert."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.ingest import inspection_stats
from sightwright.ingest.convert import convert_file
from sightwright.ingest.split import SIDES, split_file
from sightwright.ingest.stats import file_stats
from sightwright.ingest.validate import Validator
from sightwright.ingest.verify_images import verify_images

CHAT = {
    "id": "chat",
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
}


def photograph(name: str, *, image: str | None = None, **changes: object) -> dict[str, Any]:
    objects = [
        {"desc": "类别=标签,文本=5G", "bbox_2d": [0, 0, 30, 20]},
        {"desc": "screw/loose", "quad": [0, 0, 9, 0, 9, 9, 0, 9]},
    ]
    value = {"id": name, "images": [image or f"{name}.png"], "width": 40, "height": 30}
    return {**value, "objects": objects, **changes}


def write(path: Path, *records: dict[str, Any]) -> Path:
    for record in records:
        for image in record.get("images", ()):
            Image.new("RGB", (40, 30)).save(path.parent / image)
    jsonl.write_all(path, records)
    return path


def test_stats_count_objects_geometries_and_classes(tmp_path: Path) -> None:
    lines = [{"desc": "cable", "line": [0, 0, 9, 9, 12, 9]}]
    summary = {"images": ["s.png"], "width": 1000, "height": 2000, "summary": "无关图片"}
    path = write(tmp_path / "x.jsonl", photograph("a"), photograph("b", objects=lines), summary)
    *_, stats = file_stats(path)
    value = stats.value()
    assert (value["records"], value["unread"], value["without_answer"]) == (3, 0, 0)
    assert value["styles"] == {} and value["extensions"] == {".png": 3}
    assert value["photographs"] == {
        "records": 3,
        "summaries": 1,
        "objects": {"min": 0, "p50": 1, "p95": 2, "max": 2},
        "objects_total": 3,
        "geometries": {"bbox_2d": 1, "poly": 1, "line": 1},
        "classes": {"标签": 1, "screw": 1, "cable": 1},
        "of_other_classes": 0,
        "points": {"min": 3, "p50": 3, "p95": 4, "max": 4},
        "desc_characters": {"min": 5, "p50": 11, "p95": 11, "max": 11},
        "summary_characters": {"min": 4, "p50": 4, "p95": 4, "max": 4},
        "kilopixels": {"min": 1, "p50": 1, "p95": 2000, "max": 2000},
    }


def test_stats_of_both_kinds(tmp_path: Path) -> None:
    *_, stats = file_stats(write(tmp_path / "x.jsonl", photograph("a"), CHAT))
    value = stats.value()
    assert (value["styles"], value["photographs"]["records"]) == ({"openai": 1}, 1)
    assert value["without_answer"] == 1


def test_stats_remember_so_many_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection_stats, "MOST_CLASSES", 1)
    *_, stats = file_stats(write(tmp_path / "x.jsonl", photograph("a"), photograph("b")))
    assert stats.photographs.classes == {"标签": 2}
    assert stats.photographs.num_of_other_classes == 2


def test_verify_images_looks_at_sizes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", photograph("a"), photograph("b", width=41), CHAT)
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    with path.open("a") as file:
        file.write(json.dumps(photograph("c", height=31)) + "\n")
    *_, report = verify_images(path)
    assert [(missing.record, missing.line) for missing in report.missing] == [
        ("b", 2), ("chat", 3), ("c", 4),
    ]  # fmt: skip
    whys = [missing.why for missing in report.missing]
    assert whys[0] == "no such image file"
    assert whys[2].endswith("c.png is 40x30 pixels, and the record says 40x31")


def test_split_keeps_a_photograph_on_one_side(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = []
    for number in range(10):
        image = f"{number}.png"
        records.append(photograph(f"dense-{number}", image=image))
        summary = photograph(f"summary-{number}", image=image, summary="x")
        records.append({**summary, "objects": []})
    path = write(tmp_path / "x.jsonl", *records)
    out = tmp_path / "sides" / "here"
    report = split_file(path, out, {"train": 0.8, "val": 0.1, "test": 0.1})
    assert report.documents == {"train": 8, "val": 1, "test": 1}
    assert report.records == {"train": 16, "val": 2, "test": 2}
    images = [
        {value["images"][0] for _, value in jsonl.read_values(out / f"{side}.jsonl")}
        for side in SIDES
    ]
    assert sum(len(side) for side in images) == 10 == len(set.union(*images))
    # Rebased, so that each file stands where it is; and what it says is as it was.
    assert images[1] < {f"../../{number}.png" for number in range(10)}
    files = [out / f"{side}.jsonl" for side in SIDES]
    validator = Validator()
    assert list(validator.check(files)) == [] and validator.kinds == {"dense": 10, "summary": 10}


def test_split_by_group_and_by_document(tmp_path: Path) -> None:
    records = [photograph(f"p{n}", metadata={"site": f"s{n % 4}"}) for n in range(12)]
    path = write(tmp_path / "x.jsonl", *records)
    report = split_file(
        path, tmp_path / "o", {"train": 0.5, "val": 0.25, "test": 0.25}, group_by="meta.site"
    )
    assert report.groups == {"train": 2, "val": 1, "test": 1}
    nameless = [
        {key: held for key, held in photograph(f"p{n}").items() if key != "id"} for n in range(3)
    ]
    path = write(tmp_path / "y.jsonl", *nameless)
    report = split_file(path, tmp_path / "q", {"train": 0.4, "val": 0.3, "test": 0.3})
    assert report.documents == {"train": 1, "val": 1, "test": 1}


def test_convert_rewrites_photographs_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", photograph("a"), CHAT)
    out = tmp_path / "other" / "y.jsonl"
    report = convert_file(path, out, "sightwright")
    assert report.styles == {"inspection": 1, "openai": 1}
    first, second = [value for _, value in jsonl.read_values(out)]
    assert first["images"] == ["../a.png"]
    # A quad is a polygon.
    assert first["objects"][1] == {"desc": "screw/loose", "poly": [0, 0, 9, 0, 9, 9, 0, 9]}
    assert second["id"] == "chat"


@pytest.mark.parametrize("style", ["openai", "ms-swift", "llava", "qwen-vl"])
def test_convert_makes_no_conversation_of_them(tmp_path: Path, style: Any) -> None:
    path = write(tmp_path / "x.jsonl", photograph("a"))
    with pytest.raises(DataError, match="has no conversation") as caught:
        convert_file(path, tmp_path / "y.jsonl", style)
    assert caught.value.where == f"{path}:1 (a)"
    assert not (tmp_path / "y.jsonl").exists()
