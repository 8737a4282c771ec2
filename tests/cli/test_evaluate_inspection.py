"""`sightwright eval` of photographs, from the command line to the files, with the packaged model.

It was taught no such thing: what is checked here is the road, not the answers.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.cli.main import main
from sightwright.geometry import Box
from sightwright.inspection_records import DenseObject, InspectionRecord, write_inspection_record
from sightwright.records import ChatRecord, ImageRef, Message, Text, write_chat_record

MAX_PIXELS = 192 * 192


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (96, 64), "grey").save(tmp_path / "a.png")
    found = (DenseObject("类别=标签,文本=5G", Box(10, 10, 40, 30)),)
    record = InspectionRecord("a", "a.png", 96, 64, found, "无关图片")
    jsonl.write_all(tmp_path / "test.jsonl", [write_inspection_record(record)])
    asked = Message("user", (ImageRef("a.png"), Text("Judge.")))
    answer = Message("assistant", (Text("Verdict: 通过\nReason: 合格"),))
    group = write_chat_record(ChatRecord("g", (asked, answer)))
    jsonl.write_all(tmp_path / "groups.jsonl", [group])
    return tmp_path


def run(*arguments: str | Path) -> int | str | None:
    common = ["eval", "--model", "tiny", "--device", "cpu", "--max-tokens", "4"]
    with pytest.raises(SystemExit) as caught:
        main([*common, *map(str, arguments)])
    return caught.value.code


def report(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    options = ["--max-pixels", str(MAX_PIXELS), "--out", folder / "out", "--json", *arguments]
    assert run(*options) in (0, None)
    output = capsys.readouterr()
    value = json.loads(output.out)
    assert value == json.loads((folder / "out" / "report.json").read_text())
    (prediction,) = [v for _, v in jsonl.read_values(folder / "out" / "predictions.jsonl")]
    assert prediction["finish_reason"] in ("stop", "length")
    return value


def test_objects(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(folder, capsys, "--data", folder / "test.jsonl")
    assert (found["task"], found["norm"], found["records"]) == ("dense", "norm1000", 1)
    assert found["place"]["all"]["in_labels"] == 1
    assert found["cut_by_limit"] == 1
    page = (folder / "out" / "report.html").read_text()
    assert "5G" in page
    with pytest.raises(SystemExit) as caught:
        main(["compare", str(folder / "out"), str(folder / "out")])
    assert caught.value.code == 2
    assert "an evaluation of photographs (dense)" in " ".join(capsys.readouterr().err.split())
    # Its name is bytes that are no text.
    odd = (folder / "test.jsonl").rename(folder / os.fsdecode(b"\xff.jsonl"))
    assert report(folder, capsys, "--data", odd, "--no-html")["data"].endswith("\\xff.jsonl")
    assert not (folder / "out" / "report.html").exists()


def test_summaries_and_verdicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(folder, capsys, "--data", folder / "test.jsonl", "--task", "summary")
    assert (found["task"], found["irrelevant"]["of"]) == ("summary", 1)
    # How it was asked does not hide how it scored.
    assert (found["header_format"], set(found["header"])) == (None, {"value", "count", "of"})
    found = report(folder, capsys, "--data", folder / "groups.jsonl", "--task", "verdict")
    assert (found["task"], found["accuracy"]["of"]) == ("verdict", 1)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--schema", "x.json"], "have no JSON Schema"),
        (["--prompt-has-schema"], "have no JSON Schema"),
        (["--task", "verdict"], "a conversation about a group is wanted"),
        (["--task", "nothing"], "nothing"),
        (["--config", "gone.yaml"], "gone.yaml"),
    ],
)
def test_mistakes(
    folder: Path, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", folder / "test.jsonl", "--max-pixels", str(MAX_PIXELS), *arguments]
    assert run(*options) == 2
    output = " ".join(capsys.readouterr().err.split())
    assert why in output
