"""A base under its adapter, and the two folded into one, in float32 in memory.

PEFT does the sum of every kind. What it leaves to us: a tensor of the adapter that found no place,
a head and an embedding that are one tensor in the base but not in the sum, and the names and the
layout that the base's files use (experts lie transposed there).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sightwright.errors import ModelError
from sightwright.model.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from torch import Tensor
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

# Every kind that a run can train. Each is proven by logits in the tests; PEFT knows more.
MERGEABLE = ("LORA", "ADALORA", "BOFT", "FOURIERFT", "VERA")
# Starts that took the base apart in a way which loading the adapter cannot repeat: drawn at random,
# or computed from data. (pissa and olora follow from the base, and are repeated.)
_LOST_STARTS = ("pissa_niter", "corda", "loftq", "lora_ga")


def with_adapter(model: PreTrainedModel, adapter: Path) -> PeftModel:
    """The model under its adapter in float32, every tensor of the adapter in its place.

    Raises:
        ModelError: a kind that cannot be folded in, or an adapter of another base.
    """
    from peft import PeftConfig

    from sightwright.model.adapters import load_adapter

    _refuse_unmergeable(PeftConfig.from_pretrained(str(adapter)), adapter / ADAPTER_CONFIG)
    adapted = load_adapter(model, adapter)
    _check_nothing_left_over(adapted, adapter)
    return adapted.float().eval()


def _refuse_unmergeable(config: PeftConfig, path: Path) -> None:
    kind = str(getattr(config.peft_type, "value", None))
    if kind not in MERGEABLE:
        raise ModelError(
            f"an adapter of type {kind} cannot be merged",
            where=str(path),
            remedy=f"these can: {', '.join(MERGEABLE)}",
        )
    start = str(getattr(config, "init_lora_weights", ""))
    if start.lower().startswith(_LOST_STARTS):
        raise ModelError(
            f"init_lora_weights {start!r} changed the base, and nothing here says how",
            where=str(path),
            remedy="save the adapter as plain LoRA: PEFT's save_pretrained takes "
            "path_initial_model_for_weight_conversion",
        )


def _check_nothing_left_over(model: PeftModel, adapter: Path) -> None:
    """Whole modules saved with the adapter (`modules_to_save`, biases) must have found a place."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    # With the embeddings: PEFT saves the base's own beside an adapter that targets them.
    placed = get_peft_model_state_dict(model, save_embedding_layers=True)
    with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as opened:
        left_over = sorted(set(opened.keys()) - set(placed))
    if left_over:
        raise ModelError(
            f"tensors of the adapter without a place in the base: {', '.join(left_over[:10])}",
            where=str(adapter),
            remedy="name the base it was trained on with --model",
        )


def fold(model: PeftModel) -> PreTrainedModel:
    """Add the adapter to the weights, in place; the config says afterwards whether head and
    embedding are still one tensor.

    Raises:
        ModelError: the sum holds NaN or infinity.
    """
    from sightwright.model.adapter_kinds import quiet_peft
    from sightwright.model.tied_head import give_the_head_its_own, is_tied

    tied = is_tied(model)
    if tied:
        give_the_head_its_own(model)
    try:
        with quiet_peft():
            merged = cast("PreTrainedModel", model.merge_and_unload(safe_merge=True))
    except ValueError as error:
        # PEFT's own check: the sum holds NaN or infinity.
        raise ModelError(f"the merge failed: {error}") from None
    if tied:
        _say_tied(merged, tied=_is_one_tensor(merged))
    return merged


def _is_one_tensor(model: PreTrainedModel) -> bool:
    import torch

    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    return torch.equal(cast("Any", head).weight, cast("Any", embedding).weight)


def _say_tied(model: PreTrainedModel, *, tied: bool) -> None:
    for config in {id(c): c for c in (model.config, model.config.get_text_config())}.values():
        config.tie_word_embeddings = tied
    if not tied:
        log.info("head and embedding were trained apart: the head is written by itself")


def disk_tensors(model: PreTrainedModel, in_base: Iterable[str]) -> dict[str, Tensor]:
    """The sum in float32 under the names and in the layout of the base's files.

    A head that is no longer the embedding comes as a tensor of its own, whether or not the base's
    files have one.

    Raises:
        ModelError: a tensor for which the base has no place.
    """
    from transformers.core_model_loading import revert_weight_conversion

    known = set(in_base)
    merged = dict(revert_weight_conversion(model, model.state_dict()))
    tied = set(model.all_tied_weights_keys)
    if model.config.tie_word_embeddings:
        # Equal to the embedding; written only if the base writes it.
        for name in tied - known:
            merged.pop(name, None)
    if homeless := sorted(merged.keys() - known - tied):
        raise ModelError(f"merged tensors without a place in the base: {', '.join(homeless[:10])}")
    return merged
