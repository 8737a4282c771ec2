"""`training` and its neighbours → the keywords of transformers.TrainingArguments."""

import math
from pathlib import Path
from typing import Any, Literal, cast

from sightwright.config.schema import Config
from sightwright.config.sections.training import Training
from sightwright.config.transformers_arguments import TransformersArguments

HalfPrecision = Literal["bf16", "fp16"]


def accumulation_steps(effective: int, per_device: int, world_size: int) -> int:
    """Micro-batches of a step: the fewest that reach the effective batch size.

    32 samples at 1 a device on 1 device are 32; 24 at 2 on 4 devices are 3; 10 at 4 on 1 device
    are 3, which makes 12.
    """
    return max(1, math.ceil(effective / (per_device * world_size)))


def effective_batch_size(training: Training, world_size: int = 1) -> int:
    """Samples of a step, as it comes out on `world_size` devices."""
    per_step = training.per_device_train_batch_size * world_size
    return per_step * _accumulation(training, world_size)


def run_folder(training: Training) -> Path:
    """`output_dir/run_name`, where the checkpoints of a run lie; never `x/name/name`."""
    folder = Path(training.output_dir or "output")
    name = training.run_name
    return folder if name is None or folder.name == name else folder / name


def training_arguments(
    config: Config,
    world_size: int = 1,
    output_dir: str | None = None,
    half_precision: HalfPrecision | None = None,
) -> dict[str, Any]:
    """What `transformers.TrainingArguments(**kwargs)` takes.

    Args:
        config: a loaded configuration.
        world_size: processes that train together; the accumulation follows from it.
        output_dir: the run's folder; `run_folder` when absent.
        half_precision: the 16-bit format of the device, which `bf16: auto` takes; None is none.

    Only what the YAML gave, and where our default is another than transformers', is passed on.
    """
    training = config.training
    kwargs = {key: _listed(getattr(training, key)) for key in _passed_on(training)}
    kwargs["gradient_accumulation_steps"] = _accumulation(training, world_size)
    kwargs |= _precision(training, half_precision) | _loader(config)
    kwargs["output_dir"] = output_dir or str(run_folder(training))
    return kwargs


def _accumulation(training: Training, world_size: int) -> int:
    if training.effective_batch_size is None:
        return training.gradient_accumulation_steps
    per_device = training.per_device_train_batch_size
    return accumulation_steps(training.effective_batch_size, per_device, world_size)


def _passed_on(training: Training) -> list[str]:
    theirs = TransformersArguments.model_fields
    return [
        name
        for name, field in theirs.items()
        if training.given(name) or Training.model_fields[name].default != field.default
    ]


def _precision(training: Training, half_precision: HalfPrecision | None) -> dict[str, bool]:
    if training.bf16 != "auto":
        return {"bf16": training.bf16}
    return {"bf16": half_precision == "bf16", "fp16": half_precision == "fp16" or training.fp16}


def _loader(config: Config) -> dict[str, Any]:
    """The loader's keys, which our YAML keeps under `data`."""
    return {
        name: getattr(config.data, name)
        for name in type(config.data).model_fields
        if name.startswith("dataloader_") and config.data.given(name)
    }


def _listed(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value
