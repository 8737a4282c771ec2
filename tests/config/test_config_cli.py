"""`sightwright config check` and `config show`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightwright.cli.config import app
from sightwright.errors import ConfigError

RUNNER = CliRunner()


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "good.yaml"
    path.write_text(
        "global_max_length: 64\nmodel: {model: tiny}\ncustom: {train_jsonl: '[a].jsonl'}\n"
        "training: {warmup_ratio: 0.1}\ntask: {max_output_tokens: 64}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text("tuner:\n  lora_rnk: 3\n  lora_alpha: 0\n", encoding="utf-8")
    return path


def test_check_says_ok_and_what_deserves_a_look(good: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(good)])
    assert result.exit_code == 0
    assert "ok, 1 warning" in result.stdout
    assert "ready" in result.stdout
    assert "note: good.yaml:4: training.warmup_ratio: older name" in result.stdout
    assert "warning: good.yaml:5: task.max_output_tokens: 64 is outside" in result.stdout


def test_check_ends_with_2_when_a_file_is_wrong(good: Path, bad: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(good), str(bad)])
    assert result.exit_code == 2
    assert "2 errors" in result.stdout
    assert "error: bad.yaml:2: tuner.lora_rnk: unknown key (did you mean lora_rank?)" in (
        result.stdout
    )


def test_check_speaks_json(good: Path, bad: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(good), str(bad), "--json"])
    first, second = json.loads(result.stdout)["files"]
    assert first["ok"] is True
    assert first["train_needs"] == []
    assert second["ok"] is False
    assert len(second["errors"]) == 2


def test_check_names_what_train_would_refuse(good: Path) -> None:
    good.write_text("model: {device_map: auto}\n", encoding="utf-8")
    result = RUNNER.invoke(app, ["check", str(good)])
    assert result.exit_code == 0
    assert "refuses 1 part" in result.stdout
    assert "train refuses: model.device_map: " in result.stdout


def test_the_base_config_may_be_given(good: Path, bad: Path) -> None:
    base = good.with_name("base.yaml")
    base.write_text("tuner: {lora_rank: 3}\n", encoding="utf-8")
    result = RUNNER.invoke(app, ["show", str(good), "--base_config", str(base), "--json"])
    shown = json.loads(result.stdout)
    assert shown["tuner.lora_rank"] == {"value": 3, "from": "base.yaml:1"}
    assert shown["tuner.lora_alpha"] == {"value": 32, "from": "default"}


def test_show_prints_values_and_where_they_came_from(good: Path) -> None:
    result = RUNNER.invoke(app, ["show", str(good)])
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("custom.train_jsonl")]
    assert line.split() == ["custom.train_jsonl", '"[a].jsonl"', "good.yaml:3"]
    assert "tuner.lora_rank" not in result.stdout
    assert "tuner.lora_rank" in RUNNER.invoke(app, ["show", str(good), "--all"]).stdout


def test_show_of_a_wrong_file_raises_for_the_command_line_to_print(bad: Path) -> None:
    result = RUNNER.invoke(app, ["show", str(bad)])
    assert isinstance(result.exception, ConfigError)


def test_check_looks_into_the_mixture_that_a_run_names(tmp_path: Path) -> None:
    mixture = tmp_path / "mix.yaml"
    mixture.write_text("targets: [{name: bbu, train_jsonl: a.jsonl}]\n", encoding="utf-8")
    run = tmp_path / "run.yaml"
    # Looked up beside the YAML that names it.
    run.write_text("custom: {fusion_config: mix.yaml}\n", encoding="utf-8")
    for file in (mixture, run):
        result = RUNNER.invoke(app, ["check", "--json", str(file)])
        assert result.exit_code == 2
        (error,) = json.loads(result.stdout)["files"][0]["errors"]
        assert "mix.yaml:1: targets[0].template: is required" in error
    mixture.write_text(
        "targets: [{name: bbu, train_jsonl: a.jsonl, template: target_dense_bbu}]\n",
        encoding="utf-8",
    )
    result = RUNNER.invoke(app, ["check", str(mixture), str(run)])
    assert result.exit_code == 0
    assert "a mixture" in result.stdout
