"""What a trainer cannot go on without."""

from collections.abc import Mapping
from typing import Any

from peft import PeftModel
from torch import nn
from transformers import TrainingArguments

from sightwright.errors import ConfigError, ModelError, SightwrightError
from sightwright.model.adapters import is_prepared
from sightwright.model.qwen3_vl import CLASSES
from sightwright.vision import VisionSpec


def require_prepared(model: nn.Module) -> None:
    """
    Raises:
        ModelError: a model whose adapters and frozen parts were never set.
    """
    if not is_prepared(model):
        raise ModelError(
            "this model did not go through prepare_model: the whole model would be saved in "
            "place of an adapter",
            remedy="call sightwright.train.prepare_model before making the trainer",
        )


def require_own_forward(model: nn.Module, spec: VisionSpec) -> None:
    """
    Raises:
        ModelError: a class that would pass over what a batch brings, or batches made for another
            model's vision.
    """
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    if not isinstance(base, tuple(CLASSES.values())):
        raise ModelError(
            f"{type(base).__name__} is not the class that training runs",
            remedy="load the model with sightwright.model.load.load_model",
        )
    places = base.config.vision_config.num_position_embeddings
    if places != spec.num_position_embeddings:
        raise ModelError(
            f"batches are made for {spec.num_position_embeddings} learnt positions of an image, "
            f"the model has {places}",
            remedy="read the vision settings of the same folder: load_vision_spec",
        )


def require_one_device(model: nn.Module) -> None:
    """
    Raises:
        ModelError: weights on several devices, which ends in torch's "Expected all tensors to be on
            the same device".
    """
    places: dict[str, str] = {}
    for name, parameter in model.named_parameters():
        places.setdefault(str(parameter.device), name)
    if len(places) > 1:
        told = ", ".join(f"{name} on {device}" for device, name in places.items())
        raise ModelError(
            f"the weights are not on the same device: {told}",
            remedy="move the whole model, model.to(device), before the trainer is made; batches "
            "follow it by themselves",
        )


def require_one_gpu(args: TrainingArguments) -> None:
    """
    Raises:
        SightwrightError: several GPUs, among which transformers would split every batch.
    """
    if args.n_gpu > 1:
        raise SightwrightError(
            f"{args.n_gpu} GPUs are visible to one process",
            remedy=f"torchrun --nproc_per_node {args.n_gpu} -m src.sft …, or "
            "CUDA_VISIBLE_DEVICES=0 for one of them",
        )


def require_best_metric(args: TrainingArguments, metrics: Mapping[str, float]) -> None:
    """
    Raises:
        ConfigError: evaluation did not give the score that picks the best checkpoint.
    """
    wanted = args.metric_for_best_model
    if wanted is None or {wanted, f"eval_{wanted}"} & metrics.keys():
        return
    raise ConfigError(
        f"evaluation gives no {wanted}: no held-out record is of a kind that has it",
        where="training.metric_for_best_model",
        remedy=f"name one of {', '.join(key.removeprefix('eval_') for key in metrics)}",
    )
