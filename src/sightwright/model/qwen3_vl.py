"""Qwen3-VL with the forward that training runs: one subclass for each class of transformers.

    output = model(**model_inputs(batch))      # a batch of data.collate, moved to the device
    output.total                               # the loss, summed over the answer tokens

A batch with `answer_ids` is scored by `answer_head`. One with `document_starts` is a padding-free
row and takes a road of its own through the modules: positions, boundaries and places come with the
batch, so that nothing waits for the device. The modules, their names and weights are those of
transformers (some with another forward: see `layers`), so PEFT, DDP, FSDP and DeepSpeed wrap them
as ever. Everything else (`generate`,
labels) is the stock forward.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import transformers
from peft import PeftModel
from torch import Tensor, nn

from sightwright.model.answer_head import score_answers
from sightwright.model.attention import attends_by_document, boundaries
from sightwright.model.layers import take_fused_layers
from sightwright.model.patch_embedding import LinearPatchEmbed, take_uint8_patches
from sightwright.model.shards import is_shard
from sightwright.model.tied_head import learns_apart


def _scores_answers(stock: Callable[..., Any]) -> Callable[..., Any]:
    """`stock`, and our road beside it. Its signature stays: `generate` and PEFT read it."""

    @functools.wraps(stock)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "answer_ids" not in kwargs:
            return stock(self, *args, **kwargs)
        answer_ids, answer_index = kwargs.pop("answer_ids"), kwargs.pop("answer_index")
        states = _row_states if _is_row(self, kwargs) else _stock_states
        hidden_BTH = states(self.model, **kwargs)
        return score_answers(self.lm_head, hidden_BTH.flatten(0, 1)[answer_index], answer_ids)

    return forward


def _ties_what_learns_as_one(stock: Callable[..., None]) -> Callable[..., None]:
    """`stock`, but for a head and an embedding that PEFT made learn apart: tied again (Trainer and
    accelerate do so when they load and shard), the head would be the embedding's copy."""

    @functools.wraps(stock)
    def tie_weights(self: Any, *args: Any, **kwargs: Any) -> None:
        if not learns_apart(self):
            stock(self, *args, **kwargs)

    return tie_weights


class Qwen3VLForConditionalGeneration(transformers.Qwen3VLForConditionalGeneration):
    """The dense models."""

    accepts_loss_kwargs = True
    forward = _scores_answers(transformers.Qwen3VLForConditionalGeneration.forward)
    tie_weights = _ties_what_learns_as_one(transformers.Qwen3VLForConditionalGeneration.tie_weights)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        take_uint8_patches(self.model.visual.patch_embed)
        take_fused_layers(self.model)


class Qwen3VLMoeForConditionalGeneration(transformers.Qwen3VLMoeForConditionalGeneration):
    """The mixtures of experts."""

    accepts_loss_kwargs = True
    forward = _scores_answers(transformers.Qwen3VLMoeForConditionalGeneration.forward)
    tie_weights = _ties_what_learns_as_one(
        transformers.Qwen3VLMoeForConditionalGeneration.tie_weights
    )

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        take_uint8_patches(self.model.visual.patch_embed)
        take_fused_layers(self.model)


CLASSES: dict[str, type[transformers.PreTrainedModel]] = {
    "qwen3_vl": Qwen3VLForConditionalGeneration,
    "qwen3_vl_moe": Qwen3VLMoeForConditionalGeneration,
}

for _cls in CLASSES.values():
    # What is written of a model names the class that loads it anywhere; and transformers reads the
    # source of this module to learn that attention can be chosen.
    _cls.__module__ = _cls.__mro__[1].__module__


def compile_layers(model: nn.Module, backend: str = "inductor") -> None:
    """Compile each decoder layer and each block of the ViT on its own, for any number of tokens."""
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    for layer in (*base.model.language_model.layers, *base.model.visual.blocks):
        layer.compile(dynamic=True, backend=backend)


def _is_row(model: Any, inputs: dict[str, Any]) -> bool:
    return "document_starts" in inputs and attends_by_document(model)


def _row_states(
    model: Any,
    *,
    input_ids: Tensor,
    position_ids: Tensor,
    document_starts: Tensor,
    longest_document: int,
    patches: Tensor | None = None,
    image_index: Tensor | None = None,
    image_grid_thw: Tensor | None = None,
    vision: dict[str, Any] | None = None,
    **_: Any,
) -> Tensor:
    """Hidden states [1, T, H] of a padding-free row; the arguments as `data.collate.Batch` has
    them."""
    language = model.language_model
    hidden = language.embed_tokens(input_ids)
    deepstack: list[Tensor] = []
    if patches is not None:
        seen = model.visual(patches, grid_thw=image_grid_thw, **(vision or {}))
        hidden = hidden.index_copy(1, image_index, seen.pooler_output.to(hidden.dtype)[None])
        deepstack = seen.deepstack_features
    else:
        hidden = _beside_other_ranks(model, hidden)
    text, mrope = position_ids[0], position_ids[1:]
    rotary = language.rotary_emb(hidden, mrope)
    limits = boundaries(document_starts, longest_document)
    for number, layer in enumerate(language.layers):
        hidden = layer(
            hidden, position_embeddings=rotary, attention_mask=None, position_ids=text, **limits
        )
        if number < len(deepstack):
            hidden = hidden.index_add(1, image_index, deepstack[number].to(hidden.dtype)[None])
    return language.norm(hidden)


def _stock_states(model: Any, *, patches: Tensor | None = None, **inputs: Any) -> Tensor:
    """The same of any batch, by transformers' own forward: the reference."""
    for name in ("document_starts", "longest_document", "image_index", "vision"):
        inputs.pop(name, None)
    if patches is not None:
        embed: LinearPatchEmbed = model.visual.patch_embed
        inputs["pixel_values"] = embed.normalised(patches)
        return model(**inputs).last_hidden_state
    hook = model.language_model.embed_tokens.register_forward_hook(
        lambda _module, _inputs, embedded: _beside_other_ranks(model, embedded)
    )
    try:
        return model(**inputs).last_hidden_state
    finally:
        hook.remove()


def _beside_other_ranks(model: Any, hidden: Tensor) -> Tensor:
    """The embedded text, made to depend on the ViT with weight 0 where other ranks expect this one
    to take part: their gradients, or the shards of the weights, are exchanged block by block.

    Asked for where the others run theirs, between the embedding and the first layer: what is
    exchanged has an order, and no names.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return hidden
    if torch.distributed.get_world_size() == 1 or not _takes_part(model.visual):
        return hidden
    embed, side = model.visual.patch_embed, model.visual.spatial_merge_size
    width = embed.in_channels * embed.patch_size**2
    blank = torch.zeros((side * side, width), dtype=torch.uint8, device=hidden.device)
    seen = model.visual(blank, grid_thw=torch.tensor([[1, side, side]], device=hidden.device))
    unread = sum((each.sum() for each in seen.deepstack_features), seen.pooler_output.sum())
    return hidden + 0 * unread


def _takes_part(visual: nn.Module) -> bool:
    learns = visual.training and torch.is_grad_enabled()
    return any(
        is_shard(weight) or (learns and weight.requires_grad) for weight in visual.parameters()
    )
