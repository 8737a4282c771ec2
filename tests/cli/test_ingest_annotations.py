import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.ingest import app
from sightwright.errors import DataError

SHAPE = {"label": "cat", "shape_type": "rectangle", "points": [[8, 8], [40, 40]]}
OFF = {"label": "dog", "shape_type": "rectangle", "points": [[80, 8], [90, 40]]}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
        label(tmp_path, number, SHAPE)
    return tmp_path


def label(folder: Path, number: int, *shapes: Any) -> None:
    raw = {"imagePath": f"{number}.png", "imageWidth": 64, "imageHeight": 64, "shapes": shapes}
    (folder / "photos" / f"{number}.json").write_text(json.dumps(raw))


def convert(*arguments: str):
    command = ["annotations", "photos", "--format", "labelme", "--images", "photos"]
    return CliRunner().invoke(app, [*command, "--out", "out", "--num-workers", "0", *arguments])


def test_a_conversion(photos: Path) -> None:
    result = convert()
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == (
        "4 of 4 samples with 4 of 4 objects in out: "
        "3 in train.jsonl, 3 in train_tiny.jsonl, 1 in val.jsonl, 1 in val_tiny.jsonl"
    )
    assert "bbox_2d" in result.stdout and "copied" in result.stdout


def test_strict_ends_with_2_and_says_why(photos: Path) -> None:
    label(photos, 2, SHAPE, OFF)
    result = convert()
    assert result.exit_code == 2
    assert "off-the-image" in result.stdout
    assert "1 fault" in result.stderr and "--mode lenient" in result.stderr
    assert not (photos / "out" / "train.jsonl").exists()
    lenient = convert("--mode", "lenient", "--overwrite", "--json")
    assert lenient.exit_code == 0
    found = json.loads(lenient.stdout)
    assert found["failed"] is False and found["objects"]["left_out"] == {"off-the-image": 1}
    assert (found["samples"]["written"], found["objects"]["written"]) == (4, 4)


def test_json_of_a_failure(photos: Path) -> None:
    label(photos, 2, OFF)
    result = convert("--json")
    assert result.exit_code == 2 and json.loads(result.stdout)["failed"] is True


def test_options_reach_the_conversion(photos: Path) -> None:
    label(photos, 0, SHAPE | {"flags": {"wet": True}}, SHAPE | {"label": "noise"})
    result = convert(
        *("--attributes", "--ignore-label", "noise", "--limit", "1", "--val-ratio", "0"),
        *("--max-pixels", "4096", "--frame", "upright", "--poly-max-points", "12"),
    )
    assert result.exit_code == 0, result.output
    (line,) = (photos / "out" / "train.jsonl").read_text().splitlines()
    assert [item["desc"] for item in json.loads(line)["objects"]] == ["cat,wet=true"]
    settings = json.loads((photos / "out" / "validation_results.json").read_text())["settings"]
    assert (
        settings["rules"]["frame"] == "upright" and settings["rules"]["shapes"]["max_points"] == 12
    )
    assert settings["reading"]["ignore_labels"] == ["noise"]


def test_another_conversion_is_refused(photos: Path) -> None:
    convert()
    assert isinstance(convert("--seed", "3").exception, DataError)
    assert convert("--seed", "3", "--overwrite").exit_code == 0


def test_leftover_images_are_named(photos: Path) -> None:
    convert()
    (photos / "photos" / "3.json").unlink()
    assert "1 image of an earlier run that no record names" in convert().stdout


def test_irrelevant(photos: Path) -> None:
    command = ["irrelevant", "--images-dir", "photos", "--output-jsonl", "none.jsonl"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert result.stdout == "4 records in none.jsonl; 4 needed no change\n"
    (photos / "photos" / "x.png").write_text("x")
    result = CliRunner().invoke(app, [*command, "--json", "--summary", "nothing here"])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["records"] == 4
    assert '"summary":"nothing here"' in (photos / "none.jsonl").read_text()


def test_sample(photos: Path) -> None:
    convert("--val-ratio", "0")
    command = ["sample", "out\\train.jsonl", "--out", "part.jsonl", "--num", "2"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["      2  cat", "2 of 4 records in part.jsonl"]
    result = CliRunner().invoke(app, [*command, "--strategy", "top_k", "--top-k", "1", "--json"])
    assert json.loads(result.stdout)["classes"] == {"cat": 2}


def test_chat_corpus(photos: Path) -> None:
    (photos / "c.jsonl").write_text('{"instruction": "a", "output": "b"}\n{}\n')
    command = ["chat-corpus", "c.jsonl", "--out", "chat.jsonl"]
    result = CliRunner().invoke(app, command)
    assert result.stdout.splitlines() == [
        "left out: c.jsonl:2: no 'instruction', or no 'output'",
        "1 record in chat.jsonl; 1 line left out",
    ]
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert (found["records"], found["left_out"]) == (1, {"unreadable": 1})
