"""Our table of TrainingArguments against the installed one, and the keywords we hand over."""

import dataclasses
import enum
import json
from pathlib import Path
from typing import Any

import pytest

from sightwright.config.kept_elsewhere import KEPT_ELSEWHERE
from sightwright.config.load import load_config, load_text
from sightwright.config.resolved import resolved_text
from sightwright.config.schedules import SCHEDULES
from sightwright.config.training_arguments import (
    accumulation_steps,
    effective_batch_size,
    run_folder,
    training_arguments,
)
from sightwright.config.transformers_arguments import TransformersArguments

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("effective", "per_device", "world", "steps"),
    [(32, 1, 1, 32), (24, 2, 4, 3), (10, 4, 1, 3), (1, 8, 2, 1), (16, 8, 1, 2)],
)
def test_accumulation_reaches_the_effective_batch(  # test vector T14
    effective: int, per_device: int, world: int, steps: int
) -> None:
    assert accumulation_steps(effective, per_device, world) == steps


def test_the_table_is_that_of_the_installed_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    again = "run: python tools/generate_training_arguments.py, then ruff format"
    installed = {field.name: field for field in dataclasses.fields(transformers.TrainingArguments)}
    ours = TransformersArguments.model_fields
    assert set(installed) == set(ours) | set(KEPT_ELSEWHERE), again
    for name, field in ours.items():
        theirs = installed[name]
        if theirs.default_factory is not dataclasses.MISSING:
            assert list(field.default) == theirs.default_factory(), f"{name}: {again}"
            continue
        default = theirs.default
        value = default.value if isinstance(default, enum.Enum) else default
        assert field.default == value, f"{name}: {again}"


def built(kwargs: dict[str, Any], folder: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    # This machine may have no GPU: bf16 is then accepted on the CPU alone.
    return transformers.TrainingArguments(**kwargs | {"output_dir": str(folder), "use_cpu": True})


@pytest.mark.parametrize("name", ["demo/extract", "extract/lora_8b", "extract/qlora_8b", "base"])
def test_transformers_takes_what_the_shipped_configurations_say(name: str, tmp_path: Path) -> None:
    config = load_config(CONFIGS / f"{name}.yaml").config
    arguments = built(training_arguments(config, half_precision="bf16"), tmp_path)
    assert arguments.remove_unused_columns is False
    assert arguments.logging_nan_inf_filter is False
    assert arguments.report_to == ["tensorboard"]


def test_transformers_takes_a_resolved_configuration_as_well(tmp_path: Path) -> None:
    loaded = load_config(CONFIGS / "demo/extract.yaml")
    again = load_text(resolved_text(loaded)).config
    built(training_arguments(again), tmp_path)


def test_the_documents_numbers_arrive(tmp_path: Path) -> None:
    config = load_text(
        "training:\n"
        "  lr_scheduler_type: cosine_warmup_with_min_lr\n"
        "  learning_rate: 1.0e-4\n"
        "  warmup_ratio: 0.1\n"
        "  lr_scheduler_kwargs: {min_lr: 1.0e-6}\n"
        "  gradient_checkpointing: true\n"
        "  gradient_checkpointing_kwargs: {use_reentrant: false}\n"
        "  evaluation_strategy: 'no'\n"
        "  weight_decay: 0.1\n"
        "  logging_steps: 5\n"
        "data: {dataloader_num_workers: 16, dataloader_pin_memory: true}\n"
    ).config
    arguments = built(training_arguments(config), tmp_path)
    assert arguments.lr_scheduler_type == "cosine_warmup_with_min_lr"
    assert arguments.lr_scheduler_kwargs == {"min_lr": 1e-6}
    assert arguments.get_warmup_steps(200) == 20
    assert arguments.activation_checkpointing is True
    assert arguments.weight_decay == 0.1
    assert arguments.dataloader_num_workers == 16


def test_every_scheduler_of_transformers_may_be_named() -> None:
    trainer_utils = pytest.importorskip("transformers.trainer_utils")
    for kind in trainer_utils.SchedulerType:
        kwargs = {"num_decay_steps": 10, "min_lr": 1e-6}
        given = {key: kwargs[key] for key in kwargs if key in SCHEDULES[kind.value]}
        text = (
            f"training: {{lr_scheduler_type: {kind.value}, eval_strategy: epoch, "
            f"lr_scheduler_kwargs: {json.dumps(given)}}}"
        )
        assert load_text(text).config.training.lr_scheduler_type == kind.value


@pytest.mark.parametrize(
    ("half", "bf16", "fp16"), [("bf16", True, False), ("fp16", False, True), (None, False, False)]
)
def test_bf16_auto_takes_what_the_device_has(half: Any, bf16: bool, fp16: bool) -> None:
    kwargs = training_arguments(load_text("training: {bf16: auto}").config, half_precision=half)
    assert (kwargs["bf16"], kwargs["fp16"]) == (bf16, fp16)


def test_the_accumulation_follows_the_world() -> None:
    text = "training: {effective_batch_size: 24, per_device_train_batch_size: 2}"
    config = load_text(text).config
    assert training_arguments(config, world_size=4)["gradient_accumulation_steps"] == 3
    assert effective_batch_size(config.training, world_size=4) == 24
    plain = load_text("training: {gradient_accumulation_steps: 16}").config
    assert training_arguments(plain)["gradient_accumulation_steps"] == 16
    assert effective_batch_size(plain.training) == 16


def test_the_effective_batch_overrules_the_accumulation_with_a_warning() -> None:
    text = "training: {gradient_accumulation_steps: 16, effective_batch_size: 4}"
    loaded = load_text(text)
    assert training_arguments(loaded.config)["gradient_accumulation_steps"] == 4
    assert "overruled by training.effective_batch_size" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("{output_dir: out, run_name: a}", "out/a"),
        ("{output_dir: out/a, run_name: a}", "out/a"),
        ("{output_dir: out}", "out"),
        ("{run_name: a}", "output/a"),
    ],
)
def test_a_run_has_a_folder_of_its_own(text: str, folder: str) -> None:
    config = load_text(f"training: {text}").config
    assert run_folder(config.training).as_posix() == folder
    assert training_arguments(config)["output_dir"] == folder


def test_only_what_was_said_is_handed_over() -> None:
    kwargs = training_arguments(load_text("training: {seed: 3, vit_lr: 1e-4}").config)
    assert kwargs["seed"] == 3
    assert "vit_lr" not in kwargs
    assert "max_steps" not in kwargs
    assert training_arguments(load_text("").config, output_dir="x")["output_dir"] == "x"
