"""Decides what learns: freezes parts, puts adapters in, takes up an earlier run's weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from sightwright import extras
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapter_kinds import Targets, peft_config, quiet_peft
from sightwright.model.load import torch_dtype
from sightwright.model.parts import (
    is_adapter_tensor,
    is_frozen,
    linear_targets,
    part_of,
    saved_modules,
)
from sightwright.model.resume import (
    checkpoint_folder,
    require_same_adapter,
    take_adapter,
    take_weights,
    targets_of_both,
)
from sightwright.model.saved_adapter import SavedAdapter, is_adapter
from sightwright.model.tied_head import refuse_rewritten

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel

_PREPARED = "sightwright_prepared"


def prepare_model(
    model: PreTrainedModel, tuner: Tuner, *, resume_from: str | Path | None = None
) -> PreTrainedModel | PeftModel:
    """Make exactly what `tuner` says learn, and mark the model as prepared.

    Args:
        model: as `load_model` gives it; changed in place.
        resume_from: a checkpoint to take weights from (an adapter, or a whole model), by default
            `tuner.resume_from_checkpoint`. Adapters found there go on learning, parts that it
            does not have start fresh; optimiser and step count do not come along.

    Raises:
        ModelError: a pattern that matches nothing, a checkpoint that does not fit, or settings that
            PEFT cannot run on this model.
    """
    resume = checkpoint_folder(resume_from or tuner.resume_from_checkpoint, tuner)
    if _has_adapter(model):
        raise ModelError(
            "this model has an adapter already",
            remedy="give the base model, and the adapter as tuner.resume_from_checkpoint",
        )
    _check_quantized(model, tuner)
    found = None
    if resume is not None and is_adapter(resume):
        found = SavedAdapter.read(resume)
    elif resume is not None:
        take_weights(model, resume)
    if tuner.train_type == "full":
        prepared: PreTrainedModel | PeftModel = model
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not is_frozen(part_of(name), tuner))
    else:
        prepared = _with_adapter(model, tuner, found)
    if not any(parameter.requires_grad for parameter in prepared.parameters()):
        raise ModelError("nothing would learn: every parameter is frozen", where="tuner")
    setattr(prepared, _PREPARED, True)
    return prepared


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put a saved adapter on its base model, to be used and not trained.

    Raises:
        ModelError: no adapter there, or one for another model.
    """
    from peft import PeftModel, get_peft_model_state_dict

    saved = SavedAdapter.read(folder)
    try:
        with quiet_peft():
            loaded = PeftModel.from_pretrained(model, str(folder))
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"the adapter does not fit this model: {error}", where=str(folder)
        ) from error
    # PEFT only warns of tensors that it could not place.
    if strays := saved.strays(get_peft_model_state_dict(loaded, save_embedding_layers=False)):
        raise ModelError(
            f"tensors of the adapter and places in the model differ: {', '.join(strays[:5])}",
            where=str(folder),
        )
    loaded.eval()
    return loaded


def is_prepared(model: nn.Module) -> bool:
    """Whether `prepare_model` made this model; only such a one may be trained and saved."""
    return bool(getattr(model, _PREPARED, False))


def _has_adapter(model: nn.Module) -> bool:
    return any(not _is_base(name) for name, _ in model.named_parameters())


def _check_quantized(model: nn.Module, tuner: Tuner) -> None:
    quantized = getattr(model, "quantization_method", None) is not None
    if tuner.train_type == "qlora" and not quantized:
        extras.require("bitsandbytes", "quant")
        raise ModelError(
            "train_type is qlora, but the base model is not quantised",
            remedy="set quantization.quant_bits: 4",
        )
    if quantized and not tuner.is_lora:
        raise ModelError(
            f"quantised weights learn through LoRA alone, train_type is {tuner.train_type}",
            remedy="train_type: qlora",
        )


def _with_adapter(model: PreTrainedModel, tuner: Tuner, found: SavedAdapter | None) -> PeftModel:
    from sightwright.model.lora_linear import take_lora_linear

    if found is None:
        targets = Targets(
            linear_targets(model, tuner), saved_modules(model, tuner), tuner.target_parameters
        )
    else:
        targets = targets_of_both(model, tuner, found)
    refuse_rewritten(model, tuner, targets.adapted)
    config = peft_config(model, tuner, targets)
    if found is not None:
        require_same_adapter(found, config)
    wrapped = _wrapped(model, config, tuner)
    # By itself PEFT writes the base's whole head beside an adapter of it, and asks the hub whether
    # the vocabulary has grown; it never does here.
    save = partial(wrapped.save_pretrained, save_embedding_layers=False)
    cast("Any", wrapped).save_pretrained = save
    for name, parameter in wrapped.named_parameters():
        if _is_base(name) and is_frozen(part_of(name), tuner):
            parameter.requires_grad_(False)
    if tuner.lora_dtype is not None:
        _cast_adapter(wrapped, cast("torch.dtype", torch_dtype(tuner.lora_dtype)))
    if found is not None:
        take_adapter(wrapped, found)
    take_lora_linear(wrapped)
    return wrapped


def _wrapped(model: PreTrainedModel, config: PeftConfig, tuner: Tuner) -> PeftModel:
    from peft import get_peft_model

    try:
        with quiet_peft():
            return cast("PeftModel", get_peft_model(model, config))
    except (ValueError, TypeError) as error:
        # A block size that does not divide a width, more frequencies than a matrix has, a start
        # that this version of PEFT does not know.
        raise ModelError(f"PEFT cannot put {tuner.train_type} on this model: {error}",
                         where="tuner") from error  # fmt: skip


def _is_base(name: str) -> bool:
    return not is_adapter_tensor(name) and ".modules_to_save." not in name


def _cast_adapter(model: nn.Module, dtype: torch.dtype) -> None:
    for name, parameter in model.named_parameters():
        if is_adapter_tensor(name):
            parameter.data = parameter.data.to(dtype)
