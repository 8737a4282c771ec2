"""A whole run, from YAML to checkpoints, on the tiny model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sightwright import certificate
from sightwright.config.problems import ConfigProblemsError
from sightwright.errors import ConfigError, DataError, ModelError
from sightwright.train.sft import train
from sightwright.train.trainer import SftTrainer

WriteRecords = Callable[..., Path]

ANSWERS = ["one two three", '{"total":"12.50"}', "a receipt", '{"date":"2024-01-31"}']


@pytest.fixture
def write_config(tmp_path: Path, write_records: WriteRecords) -> Callable[..., Path]:
    """Write a small LoRA run; sections given replace keys in it."""

    def write(**sections: dict[str, object]) -> Path:
        records = str(write_records(ANSWERS))
        config: dict[str, dict[str, object]] = {
            "model": {"model": "tiny", "torch_dtype": "float32"},
            "template": {"max_length": 256, "max_pixels": 65536},
            "tuner": {"lora_rank": 8, "lora_dropout": 0.0},
            "custom": {"train_jsonl": records, "val_jsonl": records},
            "training": {
                "output_dir": str(tmp_path / "out"),
                "run_name": "run",
                "max_steps": 6,
                "per_device_train_batch_size": 2,
                "effective_batch_size": 4,
                "learning_rate": 1e-2,
                "logging_steps": 1,
                "eval_strategy": "steps",
                "eval_steps": 3,
                "save_strategy": "steps",
                "save_steps": 3,
                "seed": 7,
            },
        }
        for name, values in sections.items():
            config[name] = {**config.get(name, {}), **values}
        path = tmp_path / "run.yaml"
        path.write_text(json.dumps(config))
        return path

    return write


WriteConfig = Callable[..., Path]


def log_lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "logging.jsonl").read_text().splitlines()]


def test_a_run_from_end_to_end(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(write_config(), debug=True)
    assert result.folder == tmp_path / "out" / "run"
    assert result.num_steps == 6
    lines = log_lines(result.folder)
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    keys = {key for line in lines for key in line}
    assert {"train/token_acc", "train/grad_norm", "eval/loss", "eval/token_acc"} <= keys
    assert not [key for key in keys if key.count("train") > 1 or key.count("eval") > 1]
    assert result.best_checkpoint is not None
    assert (result.best_checkpoint / "adapter_model.safetensors").is_file()
    stored = certificate.read(result.best_checkpoint)
    assert stored is not None
    assert stored.base_model == "tiny"
    assert json.loads((result.folder / "run.json").read_text())["num_steps"] == 6
    assert list((result.folder / "tensorboard").iterdir())
    assert (result.folder / "resolved.yaml").is_file()
    shown = capsys.readouterr().err
    assert "<|image_pad|>*4" in shown
    assert "placeholders = images" in shown


def test_a_run_is_the_same_twice(write_config: WriteConfig) -> None:
    first = train(write_config(training={"run_name": "a", "eval_strategy": "no"}))
    second = train(write_config(training={"run_name": "b", "eval_strategy": "no"}))
    assert first.metrics["train/loss"] == second.metrics["train/loss"]


def test_a_resumed_run_ends_where_a_whole_one_does(write_config: WriteConfig) -> None:
    whole = train(write_config(training={"run_name": "whole"}))
    again = write_config(
        training={
            "run_name": "again",
            "resume_from_checkpoint": str(whole.folder / "checkpoint-3"),
        }
    )
    resumed = train(again)
    assert resumed.num_steps == 6
    assert resumed.metrics["train/loss"] == pytest.approx(whole.metrics["train/loss"], rel=1e-5)


def test_a_second_stage_starts_from_the_weights_of_the_first(write_config: WriteConfig) -> None:
    first = train(write_config(training={"run_name": "first", "eval_strategy": "no"}))
    assert first.best_checkpoint is not None
    second = train(
        write_config(
            tuner={"resume_from_checkpoint": str(first.best_checkpoint)},
            training={"run_name": "second", "eval_strategy": "no", "max_steps": 1},
        )
    )
    start = log_lines(first.folder)[0]["train/loss"]
    assert second.num_steps == 1
    assert log_lines(second.folder)[0]["train/loss"] < start


def test_a_second_run_does_not_mix_with_the_first(write_config: WriteConfig) -> None:
    path = write_config(training={"eval_strategy": "no", "max_steps": 1})
    train(path)
    with pytest.raises(ConfigError, match="already holds checkpoints"):
        train(path)


def test_a_checkpoint_that_was_not_finished_is_not_resumed(write_config: WriteConfig) -> None:
    whole = train(write_config(training={"eval_strategy": "no"}))
    broken = whole.folder / "checkpoint-3"
    (broken / "complete.json").unlink()
    path = write_config(training={"run_name": "b", "resume_from_checkpoint": str(broken)})
    with pytest.raises(ConfigError, match="not written to its end"):
        train(path)


def test_a_run_without_a_whole_checkpoint_begins_again(
    write_config: WriteConfig, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(write_config(training={"eval_strategy": "no"}))
    for step in (3, 6):
        (whole.folder / f"checkpoint-{step}" / "complete.json").unlink()
    latest = {"eval_strategy": "no", "resume_from_checkpoint": "latest"}
    again = train(write_config(training=latest))
    assert "holds no complete checkpoint yet: from the beginning" in caplog.text
    assert "removed what a save that was cut off left behind: checkpoint-3, ch" in caplog.text
    assert again.metrics["train/loss"] == whole.metrics["train/loss"]
    assert [line["step"] for line in log_lines(whole.folder)] == [1, 2, 3, 4, 5, 6, 6]


def test_a_run_that_begins_again_shows_once_in_tensorboard(
    write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    again = write_config(
        training={"eval_strategy": "no", "save_steps": 0.5, "resume_from_checkpoint": "latest"}
    )
    with monkeypatch.context() as patch:
        patch.setattr(SftTrainer, "_save_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(again)
    result = train(again)
    shown = EventAccumulator(str(result.folder / "tensorboard"))
    shown.Reload()
    assert [event.step for event in shown.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_keeps_the_settings_that_led_to_it(
    write_config: WriteConfig, caplog: pytest.LogCaptureFixture
) -> None:
    start: dict[str, object] = {"eval_strategy": "no", "save_steps": 0.5}
    folder = train(write_config(training=start)).folder
    as_run = (folder / "resolved.yaml").read_text()
    hotter = {**start, "learning_rate": 2e-2, "resume_from_checkpoint": "latest"}
    with pytest.raises(ConfigError, match="exact resume is not possible"):
        train(write_config(training={**hotter, "seed": 8}))
    assert (folder / "resolved.yaml").read_text() == as_run
    for _ in range(2):
        caplog.clear()
        train(write_config(training=hotter))
        assert "not the run that checkpoint-6 is of: training.learning_rate" in caplog.text
        assert "do not match the ones in the `trainer_state.json`" not in caplog.text


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_over_long_record_is_named(write_config: WriteConfig) -> None:
    with pytest.raises(DataError, match=r"train.jsonl:1 .*doc-0.* reach the limit of 20"):
        train(write_config(template={"max_length": 20}))


def test_what_cannot_run_is_refused_before_anything_is_loaded(write_config: WriteConfig) -> None:
    with pytest.raises(ConfigError, match="trainer_variant"):
        train(write_config(custom={"trainer_variant": "gkd_monitor"}))


def test_a_mixture_that_is_not_there_is_named(write_config: WriteConfig) -> None:
    with pytest.raises(ConfigProblemsError, match=r"mix\.yaml: cannot be read"):
        train(write_config(custom={"fusion_config": "mix.yaml"}))


def test_targets_that_match_nothing_are_refused(write_config: WriteConfig) -> None:
    with pytest.raises(ModelError, match="matches no module"):
        train(write_config(tuner={"target_modules": ["q_projection"]}))


def test_bfloat16_without_a_gpu_runs_in_float32_and_says_so(
    write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    path = write_config(
        model={"torch_dtype": "bfloat16"},
        training={"bf16": True, "max_steps": 1, "eval_strategy": "no"},
    )
    outcome = json.loads((train(path).folder / "run.json").read_text())
    assert outcome["precision"] == {"weights": "float32", "half": None}
    assert "needs a GPU" in outcome["notes"][0]


SCHEMA = {
    "type": "object",
    "properties": {
        "total": {"type": "string", "maxLength": 8},
        "date": {"type": "string", "maxLength": 10},
    },
}


@pytest.fixture
def extraction(tmp_path: Path, write_records: WriteRecords) -> dict[str, dict[str, object]]:
    """The sections of an extraction run on four labelled images."""
    (tmp_path / "doc.schema.json").write_text(json.dumps(SCHEMA))
    labels = [json.dumps({"total": f"{i}.50", "date": f"2024-01-0{i}"}) for i in range(1, 5)]
    path = str(write_records(labels, "docs.jsonl"))
    return {
        "task": {
            "type": "extract",
            "json_schema": str(tmp_path / "doc.schema.json"),
            "max_output_tokens": 48,
        },
        "custom": {"train_jsonl": path, "val_jsonl": path},
        "eval": {"max_records": 2, "batch_size": 2},
    }


def test_extraction_is_marked_while_it_trains(
    write_config: WriteConfig, extraction: dict[str, dict[str, object]]
) -> None:
    result = train(write_config(**extraction))
    evaluations = [line for line in log_lines(result.folder) if "eval/loss" in line]
    assert [line["step"] for line in evaluations] == [3, 6]
    for line in evaluations:
        assert line["eval/json_valid"] == 1.0
        assert 0 <= line["eval/field_f1"] <= 1
        assert 0 <= line["eval/document_exact"] <= 1
        assert 0 <= line["eval/anls"] <= 1
        assert line["eval/loop_rate"] == 0.0
    best = max(evaluations, key=lambda line: line["eval/field_f1"])
    assert result.best_checkpoint == result.folder / f"checkpoint-{best['step']}"
    stored = certificate.read(result.best_checkpoint)
    assert stored is not None
    assert stored.task is not None
    assert stored.task.prompt == "What is it?"
    assert stored.task.json_schema is not None
    assert list(stored.task.json_schema.compiled().root.properties) == ["total", "date"]


def test_a_prompt_of_the_yaml_replaces_the_records_own(
    write_config: WriteConfig,
    extraction: dict[str, dict[str, object]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    extraction["task"]["prompt"] = "Read this page."
    result = train(
        write_config(**extraction, training={"max_steps": 1, "eval_strategy": "no"}), debug=True
    )
    shown = capsys.readouterr().err
    assert "Read this page." in shown
    assert "What is it?" not in shown
    assert '{"total":"1.50","date":"2024-01-01"}' in shown
    stored = certificate.read(result.folder)
    assert stored is not None
    assert stored.task is not None
    assert stored.task.prompt == "Read this page."


def test_evaluation_does_not_change_the_training(
    write_config: WriteConfig, extraction: dict[str, dict[str, object]]
) -> None:
    tuner = {"lora_dropout": 0.1}
    with_it = train(write_config(**extraction, tuner=tuner, training={"run_name": "a"}))
    without = train(
        write_config(**extraction, tuner=tuner, training={"run_name": "b", "eval_strategy": "no"})
    )
    assert with_it.metrics["train/loss"] == without.metrics["train/loss"]
