"""Attention and norms of transformers, with the forward that padding-free rows take.

A module changes its class for one that inherits from the stock class: its names, weights and hooks
stay, and so does what it does with padded batches and with a key-value cache. Compiled, it is the
stock module: a compiler fuses what `fused` fuses by hand.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from sightwright.model.attention import IMAGES, stretches_attention_forward
from sightwright.model.fused import rms_norm, rotate


def take_fused_layers(model: Any) -> None:
    """Change the classes of the norms and the attention in transformers' `Qwen3VLModel` (or its
    MoE)."""
    norms = [model.language_model.norm]
    for layer in model.language_model.layers:
        attention = layer.self_attn
        _become(TextAttention, attention)
        norms += [attention.q_norm, attention.k_norm]
        norms += [layer.input_layernorm, layer.post_attention_layernorm]
    for norm in norms:
        _become(TextNorm, norm)
    for block in model.visual.blocks:
        _become(VisionAttention, block.attn)


class TextNorm(nn.Module):
    """RMSNorm."""

    weight: Tensor
    variance_epsilon: float

    def forward(self, hidden_states: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            return super().forward(hidden_states)
        return rms_norm(hidden_states, self.weight, self.variance_epsilon)


class TextAttention(nn.Module):
    """The language model's, for a row whose samples have boundaries."""

    config: Any
    head_dim: int
    scaling: float
    attention_dropout: float
    q_proj: nn.Module
    k_proj: nn.Module
    v_proj: nn.Module
    o_proj: nn.Module
    q_norm: nn.Module
    k_norm: nn.Module

    def forward(
        self, hidden_states: Tensor, position_embeddings: tuple[Tensor, Tensor], **kwargs: Any
    ) -> tuple[Tensor, Tensor | None]:
        if kwargs.get("cu_seq_lens_q") is None or torch.compiler.is_compiling():
            return super().forward(
                hidden_states=hidden_states, position_embeddings=position_embeddings, **kwargs
            )
        heads = (-1, self.head_dim)
        query = self.q_norm(self.q_proj(hidden_states).unflatten(-1, heads)).transpose(1, 2)
        key = self.k_norm(self.k_proj(hidden_states).unflatten(-1, heads)).transpose(1, 2)
        value = self.v_proj(hidden_states).unflatten(-1, heads).transpose(1, 2)
        cos, sin = (each[:, None] for each in position_embeddings)
        attended, weights = ALL_ATTENTION_FUNCTIONS[self.config._attn_implementation](
            self,
            rotate(query, cos, sin),
            rotate(key, cos, sin),
            value,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            **kwargs,
        )
        return self.o_proj(attended.flatten(2)), weights


class VisionAttention(nn.Module):
    """The ViT's, for images with boundaries."""

    config: Any
    num_heads: int
    scaling: float
    qkv: nn.Module
    proj: nn.Module

    def forward(
        self,
        hidden_states: Tensor,
        cu_seqlens: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        max_seqlen: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        stock = self.config._attn_implementation != IMAGES or max_seqlen is None
        if stock or torch.compiler.is_compiling():
            return super().forward(
                hidden_states=hidden_states,
                cu_seqlens=cu_seqlens,
                position_embeddings=position_embeddings,
                max_seqlen=max_seqlen,
                **kwargs,
            )
        qkv = self.qkv(hidden_states).unflatten(-1, (3, self.num_heads, -1))
        to_turn, value = qkv.split((2, 1), dim=1)
        cos, sin = (each[:, None, None].float() for each in position_embeddings)
        query, key = rotate(to_turn, cos, sin).transpose(0, 2)[None].unbind(2)
        attended, _ = stretches_attention_forward(
            self,
            query,
            key,
            value.transpose(0, 2)[None, :, 0],
            None,
            cu_seq_lens_q=cu_seqlens,
            max_length_q=max_seqlen,
            scaling=self.scaling,
            is_causal=False,
        )
        return self.proj(attended[0].flatten(1))


def _become(kind: type[nn.Module], module: nn.Module) -> None:
    module.__class__ = _joined(kind, type(module))


@cache
def _joined(kind: type[nn.Module], stock: type[nn.Module]) -> type[nn.Module]:
    # FSDP, PEFT and transformers know modules by the names of their classes.
    return type(stock.__name__, (kind, stock), {"__module__": stock.__module__})
