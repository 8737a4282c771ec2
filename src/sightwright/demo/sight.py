"""The tiny model on a batch of equal pages, and the heads that teach its ViT the glyphs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    BaseModelOutputWithDeepstackFeatures,
    apply_rotary_pos_emb,
    apply_rotary_pos_emb_vision,
)
from transformers.vision_utils import (
    get_vision_interpolation_indices_and_weights,
    get_vision_position_ids,
)

from sightwright.demo import lessons
from sightwright.demo.batches import MERGE, PATCH, Batch

# Typed as tensors in transformers, but made and read as tuples with one entry an image.
Features = Any


def see(
    model: Qwen3VLForConditionalGeneration, patches_BND: Tensor, grid: tuple[int, int]
) -> Features:
    """The stock ViT on images of one size, as a batch; equal to its forward (tested), and faster.

    The stock forward attends image by image in a Python loop, and convolves where a matrix product
    does.
    """
    vision = model.model.visual
    batch, num, _ = patches_BND.shape
    places, turns = _vision_positions(model, grid)
    weight = vision.patch_embed.proj.weight.reshape(-1, 6, PATCH * PATCH).sum(1)
    # Channels and slices are equal for a grey still page: sum the weights, multiply once.
    hidden = F.linear(patches_BND, weight, vision.patch_embed.proj.bias) + places
    deepstack: list[Tensor] = []
    for index, block in enumerate(vision.blocks):
        attention = block.attn
        q, k, v = (
            attention.qkv(block.norm1(hidden))
            .view(batch, num, 3, attention.num_heads, attention.head_dim)
            .unbind(2)
        )
        q, k = apply_rotary_pos_emb_vision(q, k, *turns)
        seen = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        )
        hidden = hidden + attention.proj(seen.transpose(1, 2).reshape(batch, num, -1))
        hidden = hidden + block.mlp(block.norm2(hidden))
        if index in vision.deepstack_visual_indexes:
            merger = vision.deepstack_merger_list[len(deepstack)]
            deepstack.append(merger(hidden.flatten(0, 1)))
    merged: Any = (vision.merger(hidden.flatten(0, 1)),)
    layers: Any = [(layer,) for layer in deepstack]
    return BaseModelOutputWithDeepstackFeatures(pooler_output=merged, deepstack_features=layers)


def _vision_positions(
    model: Qwen3VLForConditionalGeneration, grid: tuple[int, int]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The learned places [N, width] and the rotary cos and sin of one image of `grid` patches."""
    vision = model.model.visual
    thw = torch.tensor([[1, *grid]])
    indices, weights = get_vision_interpolation_indices_and_weights(
        thw,
        num_grid_per_side=vision.num_grid_per_side,
        mode=vision.interpolation_mode,
        align_corners=vision.interpolation_align_corners,
        spatial_merge_size=MERGE,
        kwargs={},
    )
    places = (vision.pos_embed(indices) * weights[:, :, None]).sum(1)
    return places, vision.rotary_pos_emb(places, get_vision_position_ids(thw, MERGE, kwargs={}))


def answer_logits(
    model: Qwen3VLForConditionalGeneration,
    batch: Batch,
    seen: Features | None = None,
) -> tuple[Tensor, Tensor]:
    """Logits [T, V] of the answer rows only, and the ids [T] that they ought to predict."""
    seen = seen or see(model, batch.patches_BND, batch.grid)
    outputs = model.model(
        input_ids=batch.ids_BL,
        position_ids=batch.positions_3BL,
        mm_encoder_outputs={"image": seen},
        use_cache=False,
    )
    predicts_BL = batch.answers_BL[:, 1:]
    hidden = outputs.last_hidden_state[:, :-1][predicts_BL]
    return model.lm_head(hidden), batch.ids_BL[:, 1:][predicts_BL]


class GlyphHeads(nn.Module):
    """Names the two glyphs of an image token; thrown away after teaching.

    One head for the merger and one for each DeepStack merger, so that all of what the language
    model is given is legible.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.classes = len(lessons.ALPHABET) + 1
        self.heads = nn.ModuleList(nn.Linear(width, 2 * self.classes) for _ in range(count))

    def loss(self, seen: Features, glyphs_BNS: Tensor) -> Tensor:
        """The mean cross-entropy of all slots, over the heads."""
        features = [seen.pooler_output[0], *(layer[0] for layer in seen.deepstack_features or [])]
        wanted = glyphs_BNS.reshape(-1)
        total = torch.zeros(())
        for head, feature in zip(self.heads, features, strict=True):
            logits = head(feature).view(-1, self.classes)
            # Most slots are empty: they count a quarter.
            weight = torch.ones(self.classes)
            weight[0] = 0.25
            total = total + F.cross_entropy(logits, wanted, weight=weight)
        return total / len(self.heads)


class Pointer:
    """Says where the language model should look: a loss on the attention of one of its layers.

    Before it writes a token, the layer is to attend to the image tokens where the token's print
    stands. `shift` 1 asks that of the row that predicts the token, 0 of the token's own row (where
    am I?). Only teaching uses it; the model stays the stock one.
    """

    def __init__(
        self, model: Qwen3VLForConditionalGeneration, layer: int, shift: int, num_heads: int
    ) -> None:
        self._attention = model.model.language_model.layers[layer].self_attn
        self._shift, self._num_heads = shift, num_heads
        self._seen: dict[str, Any] = {}
        self._attention.register_forward_pre_hook(self._remember, with_kwargs=True)

    def loss(self, batch: Batch, first_image_token: int) -> Tensor:
        """Mean negative log of the attention that falls on the right image tokens."""
        if not batch.cells:
            return torch.zeros(())
        pages, places, cells = torch.tensor(batch.cells).unbind(1)
        rows = torch.stack([pages, places - self._shift], dim=1)
        tokens, owner = torch.unique(rows, dim=0, return_inverse=True)
        weights_THL = self._weights()[tokens[:, 0], :, tokens[:, 1]][:, : self._num_heads]
        mask_TL = torch.zeros(len(tokens), weights_THL.shape[-1])
        mask_TL[owner, first_image_token + cells] = 1.0
        right = (weights_THL * mask_TL[:, None]).sum(-1)
        return -(right + 1e-6).log().mean()

    def _remember(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        self._seen = kwargs if "hidden_states" in kwargs else {**kwargs, "hidden_states": args[0]}

    def _weights(self) -> Tensor:
        """The attention of the layer's heads once more, [B, H, L, L]: SDPA does not return it."""
        attention, hidden = self._attention, self._seen["hidden_states"]
        shape = (*hidden.shape[:-1], -1, attention.head_dim)
        q = attention.q_norm(attention.q_proj(hidden).view(shape)).transpose(1, 2)
        k = attention.k_norm(attention.k_proj(hidden).view(shape)).transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, *self._seen["position_embeddings"])
        k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
        scores = (q @ k.transpose(-1, -2)) * attention.scaling
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return scores.masked_fill(later, float("-inf")).softmax(-1)
