"""`data doctor` on the command line: what it prints and writes, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sightwright.cli.data import app
from sightwright.errors import DataError

CONFIG = """\
global_max_length: {limit}
model: {{model: tiny}}
template: {{max_pixels: 16384}}
task: {{type: extract, json_schema: {schema}, prompt: "Say it as JSON."}}
custom: {{train_jsonl: nowhere.jsonl}}
"""
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}


def photo(folder: Path, number: int, **changed: Any) -> str:
    coarse = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((128, 128)).save(folder / f"{number}.png")
    record: dict[str, Any] = {"id": f"p{number}", "images": [f"{number}.png"], "width": 128}
    record |= {"height": 128, "objects": [{"desc": "screw", "bbox_2d": [10, 10, 40, 40]}]}
    return json.dumps({**record, **changed}) + "\n"


def document(folder: Path, number: int) -> str:
    photo(folder, number)
    content = [{"type": "image", "image": f"{number}.png"}, {"type": "text", "text": "Read."}]
    answer = json.dumps({"total": number})
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    return json.dumps({"id": f"doc-{number}", "messages": messages}) + "\n"


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["doctor", "--workers", "1", *map(str, arguments)])


def test_a_clean_data_set_exits_with_0(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(photo(tmp_path, 1) + photo(tmp_path, 2))
    result = run(file)
    assert (result.exit_code, result.stdout) == (0, "OK: 2 records: 0 errors, 0 warnings\n")


def test_warnings_alone_exit_with_0_and_errors_with_2(tmp_path: Path) -> None:
    file, out = tmp_path / "train.jsonl", tmp_path / "out"
    file.write_text(photo(tmp_path, 1) + photo(tmp_path, 2))
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes())
    result = run(file, "--out", out)
    assert result.exit_code == 0
    assert f"warning: {file}:2 (p2): the same file as train.jsonl:1" in result.stdout
    assert sorted(path.name for path in out.iterdir()) == ["doctor.html", "doctor.json"]
    other = tmp_path / "val.jsonl"
    other.write_text(photo(tmp_path, 3, width=100) + photo(tmp_path, 1))
    result = run(file, other, "--out", out, "--json")
    value = json.loads(result.stdout)
    assert (result.exit_code, value["ok"]) == (2, False)
    # Its size, its id, its image, and what was copied before.
    assert {name for name, check in value["checks"].items() if check["errors"]} == {
        "images", "ids", "copies",
    }  # fmt: skip
    assert value == json.loads((out / "doctor.json").read_text())


def test_all_files_are_one_side_with_against(tmp_path: Path) -> None:
    for name, number in (("dense", 1), ("summary", 1), ("val", 2)):
        (tmp_path / f"{name}.jsonl").write_text(photo(tmp_path, number, id=f"{name}-{number}"))
    dense, summary, val = (tmp_path / f"{name}.jsonl" for name in ("dense", "summary", "val"))
    assert run(dense, summary, val).exit_code == 2
    result = run(dense, summary, "--against", val, "--json")
    assert result.exit_code == 0
    assert [split["name"] for split in json.loads(result.stdout)["splits"]] == ["train", "val"]


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(photo(tmp_path, 1))
    result = run(file, file)
    assert isinstance(result.exception, DataError) and "given twice" in str(result.exception)


@pytest.mark.parametrize(("limit", "reached"), [(2048, 0), (40, 2)])
def test_lengths_are_told_with_a_yaml(tmp_path: Path, limit: int, reached: int) -> None:
    (tmp_path / "bill.schema.json").write_text(json.dumps(SCHEMA))
    config = tmp_path / "train.yaml"
    config.write_text(CONFIG.format(limit=limit, schema=tmp_path / "bill.schema.json"))
    file = tmp_path / "train.jsonl"
    file.write_text(document(tmp_path, 1) + document(tmp_path, 2))
    result = run(file, "--config", config, "--json", "--out", tmp_path / "out")
    value = json.loads(result.stdout)
    assert value["checks"]["lengths"]["errors"] == reached
    assert (result.exit_code, value["settings"]["max_pixels"]) == (2 if reached else 0, 16384)
    # 128x128 pixels are 16 image tokens.
    assert 16 < value["facts"]["lengths"]["min"] < 80
    html = (tmp_path / "out" / "doctor.html").read_text()
    assert "Lengths in tokens" in html


def test_pages_without_words_are_told(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(document(tmp_path, 1))
    result = run(file)
    assert result.exit_code == 0
    assert "1 of 1 page without words: their values were not looked up" in result.stdout


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xff.jsonl")
    file.write_text(photo(tmp_path, 1) + photo(tmp_path, 1, width=64))
    val = tmp_path / "val.jsonl"
    val.write_text(photo(tmp_path, 1))
    result = run(file, val, "--out", tmp_path / "out", "--group-by", "meta.nothing")
    assert result.exit_code == 2
    found = json.loads((tmp_path / "out" / "doctor.json").read_text())
    assert found["splits"][0]["name"] == "\\xff"
    assert "xff.jsonl" in (tmp_path / "out" / "doctor.html").read_text()


def test_a_folder_that_cannot_be_written_to_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    result = run(tmp_path / "none.jsonl", "--out", tmp_path / "out")
    assert isinstance(result.exception, FileExistsError)


_INTERRUPTED = """
import os, signal, sys
from sightwright.cli.main import main
from sightwright.doctor.corpus import Corpus

add, seen = Corpus.add, []

def interrupted(corpus, facts):
    seen.append(facts)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGINT)
    add(corpus, facts)

Corpus.add = interrupted
if __name__ == "__main__":
    main(sys.argv[1:])
"""


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    file, out = tmp_path / "train.jsonl", tmp_path / "out"
    file.write_text("".join(photo(tmp_path, number) for number in range(20)))
    # A file: the workers are spawned from it.
    program = tmp_path / "interrupted.py"
    program.write_text(_INTERRUPTED)
    command = [sys.executable, str(program), "data", "doctor", str(file), "--out", str(out)]
    # Its end of file comes when the last worker, who has the pipe too, is gone.
    done = subprocess.run([*command, "--workers", "1"], capture_output=True, timeout=60)
    assert done.returncode == 130
    assert not out.exists() or not list(out.iterdir())


def test_help_comes_without_the_machinery() -> None:
    code = "import sys; from sightwright.cli import data_doctor; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
