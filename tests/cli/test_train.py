"""The two ways to start a run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sightwright.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "a.png")
    content = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "What?"}]
    record = {
        "messages": [
            {"role": "user", "content": content},
            {"role": "assistant", "content": "white"},
        ]
    }
    (tmp_path / "train.jsonl").write_text(json.dumps(record) + "\n")
    run = {
        "model": {"model": "tiny"},
        "global_max_length": 128,
        "custom": {"train_jsonl": str(tmp_path / "train.jsonl")},
        "training": {"output_dir": str(tmp_path / "out"), "max_steps": 1, "use_cpu": True},
    }
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(run))
    return path


def test_train_prints_one_json_object(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("training: {run_name: from-base}\n")
    with pytest.raises(SystemExit) as caught:
        main(["train", "--config", str(config), "--base_config", str(base), "--json"])
    assert caught.value.code in (0, None)
    result = json.loads(capsys.readouterr().out)
    assert result["folder"] == str(tmp_path / "out" / "from-base")
    assert result["num_steps"] == 1
    assert Path(result["best_checkpoint"]).name == "checkpoint-1"
    assert "train/loss" in result["metrics"]


def test_python_m_src_sft_is_the_same_run(config: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "src.sft", "--config", str(config), "--debug"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "checkpoint-1" in done.stdout
    assert "<|image_pad|>*4" in done.stderr
    assert (tmp_path / "out" / "logging.jsonl").is_file()


def test_a_missing_file_is_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "--config", str(tmp_path / "none.yaml")])
    assert caught.value.code == 2
    assert "none.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--verbose", "--debug"])
def test_the_libraries_say_more_if_asked(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before transformers is imported, which reads it then."""
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "kept for the end of the test")
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY")
    for flags, said in (([], None), ([flag], "info")):
        with pytest.raises(SystemExit):
            main(["train", "--config", str(tmp_path / "none.yaml"), *flags])
        assert os.environ.get("TRANSFORMERS_VERBOSITY") == said


def test_a_command_line_that_is_wrong_names_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not what was started: `python -m src.sft` knows no verbs."""
    with pytest.raises(SystemExit) as caught:
        main(["train"])
    assert caught.value.code == 2
    assert "Try 'sightwright train --help'" in capsys.readouterr().err
