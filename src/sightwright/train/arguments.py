"""The YAML → transformers' TrainingArguments, and the callbacks that go with them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright.config.schema import Config
from sightwright.config.sections.task import TaskType
from sightwright.config.sections.training import GENERATED_METRICS, Training
from sightwright.config.training_arguments import training_arguments
from sightwright.errors import ConfigError
from sightwright.train.callbacks import JsonlLog, Progress
from sightwright.train.health import GradientCheck
from sightwright.train.precision import Precision
from sightwright.train.sharding import (
    WHOLE,
    Sharding,
    fsdp_arguments,
    make_ready_for_deepspeed,
    sharding_of,
)
from sightwright.train.watch import Watch

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainingArguments

TENSORBOARD = "tensorboard"
# Less of them is better.
_COSTS = ("loss", "count_error", "loop_rate", "false_pass_rate", "false_fail_rate")

# What the oldest versions of transformers that we run with call it.
_EARLIER = {
    "activation_checkpointing": "gradient_checkpointing",
    "activation_checkpointing_kwargs": "gradient_checkpointing_kwargs",
}


def trainer_arguments(
    config: Config,
    folder: Path,
    precision: Precision,
    *,
    marked: TaskType | None,
    sharding: Sharding = WHOLE,
) -> TrainingArguments:
    """What the trainer is told.

    Args:
        marked: the task of the first held-out records that evaluation answers, whose score picks
            the best checkpoint; None where it answers none.
    """
    import torch
    from transformers import TrainingArguments

    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    kwargs = training_arguments(config, world_size, str(folder))
    kwargs |= {"bf16": precision.half == "bf16", "fp16": precision.half == "fp16"}
    kwargs |= _best(config, kwargs, marked)
    kwargs |= {
        "disable_tqdm": True,
        "report_to": _sinks(kwargs.get("report_to")),
    }
    kwargs.pop("resume_from_checkpoint", None)
    # All that learns has a gradient in every step: a rank without images computes a blank one.
    kwargs.setdefault("ddp_find_unused_parameters", False)
    if world_size == 1:
        # One process has nobody to talk to, and accelerate fails on a backend without a group.
        kwargs.pop("ddp_backend", None)
    elif not torch.accelerator.is_available():
        # Not told of the CPU, each process would take itself for the only one.
        kwargs["use_cpu"] = True
    if sharding.kind == "deepspeed":
        kwargs |= _deepspeed(config, kwargs)
    if config.training.fsdp:
        kwargs |= fsdp_arguments(config.training.fsdp, config.training.fsdp_config)
    return TrainingArguments(**as_installed(kwargs, {f.name for f in fields(TrainingArguments)}))


def as_installed(kwargs: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Each argument under the name that the installed transformers has for it.

    Raises:
        ConfigError: one that it does not have at all.
    """
    names = {name: name if name in known else _EARLIER.get(name, name) for name in kwargs}
    if missing := [name for name, installed in names.items() if installed not in known]:
        raise ConfigError(
            "the installed transformers does not know it",
            where=f"training.{', training.'.join(missing)}",
            remedy="leave it out, or install a newer transformers",
        )
    return {names[name]: value for name, value in kwargs.items()}


def _deepspeed(config: Config, kwargs: dict[str, Any]) -> dict[str, Any]:
    """
    Raises:
        ConfigError: a CPU is asked for where DeepSpeed would take the GPU.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    if kwargs.get("use_cpu") and has_gpu:
        raise ConfigError(
            "DeepSpeed takes the GPU that it finds",
            where="training.use_cpu",
            remedy="CUDA_VISIBLE_DEVICES= hides them all; or deepspeed.enabled: false",
        )
    make_ready_for_deepspeed(has_gpu)
    # Told of the CPU, transformers counts the processes; without a word it sees one.
    told: dict[str, Any] = {"use_cpu": not has_gpu}
    settings = None if config.deepspeed is None else config.deepspeed.settings()
    return told if settings is None else {**told, "deepspeed": settings}


def trainer_callbacks(
    config: Config, folder: Path, stack: ExitStack, first_step: int = 1
) -> list[TrainerCallback]:
    """Log file, TensorBoard, progress, gradient check.

    Args:
        first_step: that this call trains; TensorBoard drops what an earlier one wrote from it on.
    """
    gradients = GradientCheck(on_the_way=sharding_of(config).kind == "deepspeed")
    callbacks: list[TrainerCallback] = [JsonlLog(folder), Progress(stack), gradients, Watch()]
    callbacks += _tensorboard(tensorboard_folder(config.training, folder), first_step)
    return callbacks


def tensorboard_folder(training: Training, folder: Path) -> Path:
    """Inside the run's folder; or `logging_dir`, with what tells this run from others below it."""
    if training.logging_dir is None:
        return folder / TENSORBOARD
    place = Path(training.logging_dir)
    if training.run_name is not None and place.name != training.run_name:
        place /= training.run_name
    return place / folder.name if training.add_version else place


def _best(config: Config, kwargs: dict[str, Any], marked: TaskType | None) -> dict[str, Any]:
    """The task's own score picks the best checkpoint where it is measured, else the loss."""
    if config.training.eval_strategy == "no":
        return {}
    own = next(iter(GENERATED_METRICS[marked] if marked else ()), "loss")
    metric = config.training.best_metric or own
    greater = kwargs.get("greater_is_better")
    return {
        "metric_for_best_model": metric,
        "greater_is_better": not metric.endswith(_COSTS) if greater is None else greater,
    }


def _sinks(wanted: object) -> list[str]:
    """What transformers reports to; TensorBoard is ours, so that keys are named alike."""
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())  # type: ignore[call-overload]
    return [name for name in names if name not in (TENSORBOARD, "none", "all")]


def _tensorboard(folder: Path, first_step: int) -> list[TrainerCallback]:
    from transformers.integrations.integration_utils import (
        TensorBoardCallback,
        is_tensorboard_available,
    )

    if not is_tensorboard_available() or os.environ.get("RANK", "0") != "0":
        return []
    from torch.utils.tensorboard import SummaryWriter

    return [TensorBoardCallback(SummaryWriter(str(folder), purge_step=first_step))]
