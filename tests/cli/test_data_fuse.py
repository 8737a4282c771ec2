"""`sightwright data fuse`, and the script that the documents call."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightwright.cli.data import app
from sightwright.errors import ConfigError

ROOT = Path(__file__).parents[2]
RUNNER = CliRunner()

MIX = """
target: {name: bbu, train_jsonl: bbu.jsonl, template: target_dense_bbu}
sources:
  - {name: lvis, train_jsonl: bbu.jsonl, template: source_dense, ratio: 0.5, val_jsonl: v.jsonl,
     max_objects_per_image: 1}
"""


@pytest.fixture
def mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The script is run from the root of a checkout, and the product from anywhere.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    boxes = [{"desc": "x", "bbox_2d": [i, 0, i + 1, 1]} for i in range(2)]
    lines = [
        {"id": f"b{i}", "images": [f"b{i}.png"], "width": 9, "height": 9, "objects": boxes}
        for i in range(4)
    ]
    Path("bbu.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    Path("mix.yaml").write_text(MIX)
    return tmp_path / "mix.yaml"


def test_the_plan_is_printed_and_what_was_done_counted(mix: Path) -> None:
    result = RUNNER.invoke(app, ["fuse", "mix.yaml", "--out", "out/fused.jsonl"])
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]
    assert lines[0].startswith("data set rows of learns")
    assert "bbu 4 4 dense, target each once target_dense_bbu (domain) augmented, growing" in lines
    assert any(line.startswith("lvis 2 4 dense, source with replacement") for line in lines)
    assert lines[-5:] == [
        "an epoch 6",
        "mix.yaml:4: sources[0].val_jsonl: has no effect: sources are not evaluated",
        "lvis: 2 objects over the cap left out",
        "2 rows with the id of another: #2, #3, … added",
        "out/fused.jsonl: 6 records of epoch 0",
    ]
    assert len(Path("out/fused.jsonl").read_text().splitlines()) == 6


def test_the_outcome_as_json(mix: Path) -> None:
    command = ["fuse", "mix.yaml", "--seed", "7", "--epoch", "3", "--no-shuffle", "--json"]
    result = RUNNER.invoke(app, command)
    value = json.loads(result.stdout)
    assert (value["out"], value["records"]) == (str(mix.with_name("bbu_train_fused.jsonl")), 6)
    assert (value["seed"], value["epoch"], value["renamed"]) == (7, 3, 2)
    assert [row["count"] for row in value["plan"]] == [4, 2]
    assert value["objects_left_out"] == {"lvis": 2}
    assert value["polygons_as_boxes"] == {}
    assert len(value["notes"]) == 1
    rows = [json.loads(line) for line in Path("bbu_train_fused.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows[:4]] == ["b0", "b1", "b2", "b3"]


def test_mistakes_of_the_file_end_it(mix: Path) -> None:
    mix.write_text(MIX.replace("ratio", "rate"))
    result = RUNNER.invoke(app, ["fuse", "mix.yaml"])
    assert isinstance(result.exception, ConfigError)
    assert "sources[0].rate: unknown key (did you mean ratio?)" in str(result.exception)


def test_the_script_of_the_documents(mix: Path) -> None:
    # F31.
    script = str(ROOT / "scripts/fuse_datasets.py")

    def run(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, script, *arguments], check=True, capture_output=True, timeout=60
        )

    run("-c", "mix.yaml")
    run("--config", "mix.yaml", "--output", "a.jsonl", "--seed", "2025")
    run("--config", "mix.yaml", "-o", "b.jsonl", "--seed", "1", "--no-shuffle")
    RUNNER.invoke(app, ["fuse", "mix.yaml", "--out", "c.jsonl", "--seed", "1", "--no-shuffle"])
    default = mix.with_name("bbu_train_fused.jsonl").read_bytes()
    assert default == Path("a.jsonl").read_bytes()
    assert Path("b.jsonl").read_bytes() == Path("c.jsonl").read_bytes() != default
