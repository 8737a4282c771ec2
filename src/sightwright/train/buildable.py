"""Optimiser and schedule, built once before the weights are loaded: what they lack, or would not
take, is told in seconds."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any, cast

import torch
from transformers import Trainer, TrainingArguments, get_scheduler
from transformers.training_args import OptimizerNames, ParallelMode

from sightwright.config.schedules import schedule_kwargs
from sightwright.config.schema import Config
from sightwright.config.sections.training import Training
from sightwright.errors import ConfigError, MissingExtraError

_READ = (
    "learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon", "optim_args",
    "optim_target_modules",
)  # fmt: skip
# Longer than any stretch of it; the run's own is known when its records are counted.
_STEPS = 1_000_000


def require_buildable(config: Config) -> None:
    """
    Raises:
        ConfigError: an optimiser or schedule that the installed transformers does not know, or
            settings that it does not take.
        MissingExtraError: an optimiser of a package that is not installed.
    """
    _require_optimizer(config.training)
    _require_schedule(config.training)


def _require_optimizer(training: Training) -> None:
    if training.has_own_groups:  # It looks for its modules in the model.
        return
    where = f"training.optim {training.optim}"
    read = {name: getattr(training, name) for name in _READ}
    try:
        args = SimpleNamespace(
            optim=OptimizerNames(training.optim), parallel_mode=ParallelMode.NOT_PARALLEL, **read
        )
        Trainer.get_optimizer_cls_and_kwargs(cast("TrainingArguments", args))
    except ImportError as error:
        raise MissingExtraError(
            str(error), where=where, remedy="install it, or take optim: adamw_torch_fused"
        ) from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            str(error), where=where, remedy="optim: adamw_torch_fused; see training.optim_args"
        ) from error


def _require_schedule(training: Training) -> None:
    rate = max(training.learning_rate, 1e-12)
    weight = torch.nn.Parameter(torch.zeros(1))
    kwargs: dict[str, Any] | None = schedule_kwargs(training.lr_scheduler_kwargs)
    try:
        with warnings.catch_warnings(action="ignore"):
            optimizer = torch.optim.SGD([weight], lr=rate)
            get_scheduler(training.lr_scheduler_type, optimizer, 0, _STEPS, kwargs)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            str(error),
            where=f"training.lr_scheduler_type {training.lr_scheduler_type}",
            remedy="`sightwright config explain training.lr_scheduler_kwargs` says what it takes",
        ) from error
