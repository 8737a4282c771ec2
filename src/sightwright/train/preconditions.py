"""What a trainer cannot go on without."""

from collections.abc import Mapping

from torch import nn
from transformers import TrainingArguments

from sightwright.errors import ConfigError, ModelError, SightwrightError
from sightwright.model.adapters import is_prepared


def require_prepared(model: nn.Module) -> None:
    """
    Raises:
        ModelError: a model whose adapters and frozen parts were never set.
    """
    if not is_prepared(model):
        raise ModelError(
            "this model did not go through prepare_model: the whole model would be saved in "
            "place of an adapter",
            remedy="call sightwright.model.adapters.prepare_model before making the trainer",
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
