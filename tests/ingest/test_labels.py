import json
from pathlib import Path
from typing import Any

import pytest

from sightwright.errors import DataError
from sightwright.ingest.labels import Label, read_labels


def labels_of(path: Path) -> list[Label]:
    problems: list[str] = []
    labels = list(read_labels(path, problems))
    assert problems == []
    return labels


def problems_of(path: Path) -> list[str]:
    problems: list[str] = []
    list(read_labels(path, problems))
    return [problem.replace(str(path), "PATH") for problem in problems]


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_folder_of_labels_a_list_of_one_object_included(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.json").write_text('{"total": 34.70}')
    (tmp_path / "sub" / "b.json").write_text('[{"total": 2}]')
    labels = labels_of(tmp_path)
    assert [(label.name, label.value) for label in labels] == [
        ("a", {"total": 34.7}),
        ("sub__b", {"total": 2}),
    ]
    assert labels[0].value["total"].spelling == "34.70"


@pytest.mark.parametrize(
    ("line", "name", "value", "meta"),
    [
        ({"id": "a", "label": {"x": 1}}, "a", {"x": 1}, {}),
        ({"document": "a.pdf", "label": [{"x": 1}]}, "a", {"x": 1}, {}),
        ({"id": "a", "label": {"x": 1}, "meta": {"vendor": "V"}}, "a", {"x": 1}, {"vendor": "V"}),
        ({"id": "a", "x": 1, "y": None}, "a", {"x": 1, "y": None}, {}),
        ({"document": "a", "id": "INV-1", "x": 1}, "a", {"id": "INV-1", "x": 1}, {}),
        ({"id": "a", "label": "fragile", "x": 1}, "a", {"label": "fragile", "x": 1}, {}),
    ],
)
def test_the_ways_to_write_a_line(
    tmp_path: Path,
    line: dict[str, Any],
    name: str,
    value: dict[str, Any],
    meta: dict[str, Any],
) -> None:
    (label,) = labels_of(write_lines(tmp_path / "labels.jsonl", line))
    assert (label.name, label.value, label.meta) == (name, value, meta)
    assert label.where.endswith("labels.jsonl:1")


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"id": "a", "label": [1]}\n{\n{"x": 1}\n{"id": 7}\n{"id": "b", "x": 1}\n')
    problems = problems_of(path)
    assert [problem.split(":")[1] for problem in problems] == ["1", "2", "3", "4"]
    assert problems[0] == "PATH:1: a label is one JSON object"
    assert problems[1].startswith("PATH:2: not JSON: ")
    assert problems[2].startswith("PATH:3: a label names its document")


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[{}, {}]")
    (tmp_path / "b.json").write_text('{"x": NaN}')
    (tmp_path / "c.json").write_text('{"x": 1, "x": 2}')
    assert problems_of(tmp_path) == [
        "PATH/a.json: a label is one JSON object",
        "PATH/b.json: not JSON: NaN is not JSON",
        "PATH/c.json: not JSON: the key 'x' stands twice in one object",
    ]


def test_no_labels_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.json files"):
        labels_of(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="no labels in it"):
        labels_of(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="no such file"):
        labels_of(tmp_path / "nowhere.jsonl")
