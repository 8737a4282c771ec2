import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.data import app
from sightwright.cli.main import main

FIXTURES = Path(__file__).parents[1] / "formats"


def line(record_id: str, image: str = "a.png", **more: Any) -> str:
    messages = [
        {"role": "user", "content": [{"type": "image", "image": image}]},
        {"role": "assistant", "content": [{"type": "text", "text": '{"lines":[1,2,3]}'}]},
    ]
    return json.dumps({"id": record_id, "messages": messages, **more}) + "\n"


def write(folder: Path, *lines: str) -> Path:
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    (folder / "all.jsonl").write_text("".join(lines))
    return folder / "all.jsonl"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout


def test_convert_says_what_is_left_behind(tmp_path: Path) -> None:
    path = write(tmp_path, line("a", meta={"document": "a", "pages": 1}), line("b"))
    out = tmp_path / "new" / "swift.jsonl"
    code, said = run("convert", path, "--to", "ms-swift", "--out", out)
    assert code == 0
    assert said.splitlines()[0] == f"{out}: 2 records as ms-swift (read: 2 sightwright)"
    assert [row.split() for row in said.splitlines() if "meta." in row] == [
        ["meta.document", "1"],
        ["meta.pages", "1"],
    ]
    assert json.loads(out.read_text().splitlines()[0])["images"] == ["../a.png"]
    code, said = run("convert", out, "--to", "openai", "--out", tmp_path / "o.jsonl", "--json")
    assert json.loads(said) == {
        "records": 2,
        "to": "openai",
        "read": {"ms-swift": 2},
        "dropped": {},
        "named": 0,
        "out": str(tmp_path / "o.jsonl"),
    }


def test_an_unknown_style_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, line("a"))
    with pytest.raises(SystemExit) as caught:
        main(["data", "convert", str(path), "--to", "lava", "--out", str(tmp_path / "x")])
    assert caught.value.code == 2
    assert "--to 'lava' is none of sightwright, openai" in capsys.readouterr().err


def test_files_of_other_styles_are_validated_too(tmp_path: Path) -> None:
    code, said = run("validate", FIXTURES / "llava.jsonl")
    assert (code, said) == (0, "OK: 1 record\n")
    code, said = run("validate", FIXTURES / "qwen-vl.jsonl")
    assert (code, said.splitlines()[-1]) == (2, "FAILED: 1 bad of 1 record")
    assert said.startswith(f"{FIXTURES}/qwen-vl.jsonl:1: no 'id'")


def test_missing_images_are_named_and_end_with_2(tmp_path: Path) -> None:
    path = write(tmp_path, line("a"), line("b", "gone.png"), line("c", "https://x.org/a.png"))
    missing = tmp_path / "docs" / "missing.txt"
    code, said = run("verify-images", path, "--out-missing", missing)
    assert code == 2
    assert said.splitlines() == [
        f"{path}:2 (b): gone.png: no such image file",
        "FAILED: 3 images of 3 records, 1 behind a URL not fetched (--fetch): 1 missing",
        f"the missing ones: {missing}",
    ]
    assert missing.read_text() == "gone.png\tb\n"
    code, said = run("verify-images", path, "--json")
    value = json.loads(said)
    assert (code, value["ok"], value["missing"], value["not_fetched"]) == (2, False, 1, 1)
    assert value["missing_images"] == [
        {"image": "gone.png", "record": "b", "line": 2, "why": "no such image file"}
    ]
    path = write(tmp_path, line("a"))
    assert run("verify-images", path) == (0, "OK: 1 image of 1 record: 0 missing\n")


def test_many_missing_images_are_not_all_printed(tmp_path: Path) -> None:
    path = write(tmp_path, *(line(f"r{n}", f"{n}.png") for n in range(30)), "{}\n")
    code, said = run("verify-images", path)
    assert (code, len(said.splitlines())) == (2, 22)
    assert said.splitlines()[-2:] == [
        "… and 11 more",
        "FAILED: 30 images of 30 records: 30 missing, 1 line that cannot be read",
    ]


def test_stats_as_a_table_and_as_json(tmp_path: Path) -> None:
    path = write(tmp_path, line("a"), line("b", ""), "nonsense\n")
    code, said = run("stats", path)
    rows = [row.split() for row in said.splitlines()]
    assert code == 0
    assert ["records", "3"] in rows and ["missing", "image", "1"] in rows
    assert ["cannot", "be", "read", "1"] in rows and [".png", "1"] in rows
    assert ["rows", "of", "lines", "3", "3", "3", "3"] in rows
    assert f"{path}:3: not JSON: " in said
    value = json.loads(run("stats", path, "--json")[1])
    assert value["rows"]["lines"] == {"min": 3, "p50": 3, "p95": 3, "max": 3}


def test_the_example_and_the_schema(tmp_path: Path) -> None:
    out = tmp_path / "e" / "example.jsonl"
    code, said = run("example", "--out", out)
    assert (code, said.splitlines()[0]) == (0, f"{out}: 1 record")
    assert run("validate", out)[0] == 0
    page = str(out.with_name("example-invoice-0001.png"))
    assert json.loads(run("example", "--out", out, "--json")[1]) == {
        "record": str(out), "page": page,
    }  # fmt: skip
    code, said = run("schema", "--out", tmp_path / "s.json")
    assert (code, said) == (0, f"{tmp_path}/s.json\n")
    assert json.loads(run("schema")[1]) == json.loads((tmp_path / "s.json").read_text())


def test_the_schema_of_each_kind(tmp_path: Path) -> None:
    for kind, key in (
        ("inspection", "width"),
        ("bbu-summary", "备注"),
        ("rru-summary", "分组统计"),
    ):
        code, said = run("schema", "--kind", kind)
        assert code == 0 and key in json.loads(said)["properties"]


def test_stats_of_photographs_are_tables(tmp_path: Path) -> None:
    objects = [{"desc": "类别=标签,文本=5G", "bbox_2d": [0, 0, 3, 3]}] * 2
    record = {"images": ["a.png"], "width": 4, "height": 4, "objects": objects}
    (tmp_path / "x.jsonl").write_text(json.dumps(record) + "\n")
    code, said = run("stats", tmp_path / "x.jsonl")
    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "objects 2 2 2 2" in lines and "bbox_2d 2" in lines and "标签 2" in lines
    assert not any("answer" in line for line in lines)
