"""Attention that knows where one sample of a padding-free row ends and the next begins.

Stock SDPA is given a dense mask for such a row: it computes every pair of tokens of different
samples and throws it away, and loses the causal fast path. Here each sample is attended to alone.
Anything else (padded batches, a key-value cache, one sample) is handed to stock SDPA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "sightwright_documents"


def attend_by_document(model: PreTrainedModel) -> None:
    """Give the language model this attention; the ViT, which splits by image itself, keeps its own.

    Nothing happens to a model that runs another implementation than SDPA.
    """
    if model.config.get_text_config()._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, documents_attention_forward)
    AttentionMaskInterface.register(NAME, documents_mask)
    model.set_attn_implementation({"text_config": NAME})


def attends_by_document(model: PreTrainedModel) -> bool:
    return model.config.get_text_config()._attn_implementation == NAME


def documents_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    attention_mask: Tensor | None = None,
    **kwargs: Any,
) -> Tensor | None:
    """No mask for a row that may hold several samples: the attention splits it instead."""
    if batch_size == 1 and q_length == kv_length and attention_mask is None:
        return None
    return sdpa_mask(
        batch_size=batch_size,
        q_length=q_length,
        kv_length=kv_length,
        attention_mask=attention_mask,
        **kwargs,
    )


def documents_attention_forward(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    document_lengths: Sequence[int] | None = None,
    position_ids: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each sample of a row.

    Args:
        query, key, value: [batch, heads, tokens, head width].
        document_lengths: tokens of each sample; without it they are found where positions return
            to 0, which costs a wait for the device.
        position_ids: [batch, tokens], the plain row of positions.
    """
    attend: Callable[..., tuple[Tensor, None]] = sdpa_attention_forward
    whole_row = attention_mask is None and query.shape[0] == 1 and query.shape[2] == key.shape[2]
    if whole_row and document_lengths is None:
        document_lengths = _lengths(position_ids)
    if not whole_row or document_lengths is None or len(document_lengths) == 1:
        return attend(module, query, key, value, attention_mask, **kwargs)
    pieces = (tensor.split(list(document_lengths), dim=2) for tensor in (query, key, value))
    outputs = [attend(module, q, k, v, None, **kwargs)[0] for q, k, v in zip(*pieces, strict=True)]
    return torch.cat(outputs, dim=1), None


def _lengths(position_ids: Tensor | None) -> list[int] | None:
    if position_ids is None:
        return None
    (row,) = position_ids
    starts = (row == 0).nonzero().flatten().tolist()
    ends = [*starts[1:], len(row)]
    return [end - start for start, end in zip(starts, ends, strict=True)]
