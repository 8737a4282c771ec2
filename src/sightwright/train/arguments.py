"""The YAML → transformers' TrainingArguments, and the callbacks that go with them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright.config.schema import Config
from sightwright.config.sections.task import TaskType
from sightwright.config.sections.training import GENERATED_METRICS
from sightwright.config.training_arguments import training_arguments
from sightwright.train.callbacks import JsonlLog, Progress, SaveLast
from sightwright.train.health import GradientCheck
from sightwright.train.precision import Precision

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainingArguments

TENSORBOARD = "tensorboard"
# Less of them is better.
_COSTS = ("loss", "count_error", "loop_rate", "false_pass_rate", "false_fail_rate")


def trainer_arguments(
    config: Config, folder: Path, precision: Precision, *, marked: TaskType | None
) -> TrainingArguments:
    """What the trainer is told.

    Args:
        marked: the task of the first held-out records that evaluation answers, whose score picks
            the best checkpoint; None where it answers none.
    """
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
    if world_size == 1:
        # One process has nobody to talk to, and accelerate fails on a backend without a group.
        kwargs.pop("ddp_backend", None)
    return TrainingArguments(**kwargs)


def trainer_callbacks(
    config: Config, folder: Path, stack: ExitStack, first_step: int = 1
) -> list[TrainerCallback]:
    """Log file, TensorBoard, progress, gradient check, last checkpoint.

    Args:
        first_step: that this call trains; TensorBoard drops what an earlier one wrote from it on.
    """
    callbacks: list[TrainerCallback] = [JsonlLog(folder), Progress(stack), GradientCheck()]
    if config.training.save_last_epoch and config.training.save_strategy != "no":
        callbacks.append(SaveLast())
    callbacks += _tensorboard(Path(config.training.logging_dir or folder / TENSORBOARD), first_step)
    return callbacks


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
