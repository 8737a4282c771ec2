"""Attention that knows where one sample of a padding-free row, or one image of the ViT, ends.

Stock SDPA is given a dense mask for a padding-free row: it computes every pair of tokens of
different samples and throws it away, and loses the causal fast path; in the ViT it waits for the
device once a layer to learn how large the images are. Here each stretch is attended to alone: by
one kernel for all of them on a GPU, one after the other elsewhere. Anything without boundaries
(padded batches, a key-value cache) is handed to stock SDPA.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

P = ParamSpec("P")
R = TypeVar("R")

DOCUMENTS = "sightwright_documents"
# transformers' ViT tells its boundaries to names with "flash" in them, and to the others in
# pieces, for which it waits for the device.
IMAGES = "sightwright_images_flash"


def attend_by_document(model: PreTrainedModel) -> None:
    """Give the language model and the ViT this attention.

    Nothing happens to a model that runs another implementation than SDPA: flash-attn keeps to the
    boundaries by itself, and eager is the reference. Nor to one with dropout inside its attention,
    which is not computed here.
    """
    text = model.config.get_text_config()
    if text._attn_implementation != "sdpa" or text.attention_dropout:
        return
    AttentionInterface.register(DOCUMENTS, stretches_attention_forward)
    AttentionMaskInterface.register(DOCUMENTS, documents_mask)
    AttentionInterface.register(IMAGES, stretches_attention_forward)
    model.set_attn_implementation({"text_config": DOCUMENTS})
    vision: Any = model.config.vision_config  # type: ignore[attr-defined]
    vision._attn_implementation = IMAGES


def attends_by_document(model: PreTrainedModel) -> bool:
    """Whether the boundaries of a padding-free row reach the attention of the language model."""
    return model.config.get_text_config()._attn_implementation in (DOCUMENTS, "flash_attention_2")


def boundaries(starts: Tensor, longest: int) -> dict[str, Any]:
    """The keywords that attention of transformers takes for stretches of one row.

    Args:
        starts: int32 [stretches + 1], where each begins, and the end of the last.
        longest: tokens of the longest.
    """
    return {
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": longest,
        "max_length_k": longest,
    }


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


def stretches_attention_forward(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    position_ids: Tensor | None = None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention inside each stretch of a row; causal where the module is.

    Args:
        query, key, value: [batch, heads, tokens, head width].
        cu_seq_lens_q, max_length_q: see `boundaries`; without them samples are told apart where
            positions return to 0, which costs a wait for the device.
        position_ids: [batch, tokens], the plain row of positions.

    Returns:
        [batch, tokens, heads, head width], and no weights.
    """
    causal: bool = module.is_causal if is_causal is None else is_causal
    whole_row = attention_mask is None and query.shape[0] == 1 and query.shape[2] == key.shape[2]
    if whole_row and cu_seq_lens_q is None and position_ids is not None:
        cu_seq_lens_q, max_length_q = _found(position_ids)
    if not whole_row or cu_seq_lens_q is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, is_causal=causal,
            **kwargs,
        )  # fmt: skip
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        assert max_length_q is not None, "boundaries come with the length of the longest"
        return _varlen(query, key, value, cu_seq_lens_q, max_length_q, scaling, causal), None
    attended = _one_by_one(module, query, key, value, cu_seq_lens_q, scaling, causal)
    return attended, None


def _found(position_ids: Tensor) -> tuple[Tensor, int]:
    (row,) = position_ids
    ends = row.new_tensor([len(row)])
    starts = torch.cat([(row == 0).nonzero().flatten(), ends]).int()
    return starts, int(starts.diff().max())


def _left_alone(function: Callable[P, R]) -> Callable[P, R]:
    """Compilation stops before it."""
    return torch.compiler.disable(function)  # pyright: ignore[reportReturnType]


# The lengths of a batch are in the graph of no other.
@_left_alone
def _one_by_one(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    scaling: float | None,
    is_causal: bool,
) -> Tensor:
    lengths = starts.diff().tolist()
    # Equal lengths (pages of one size) are one batch.
    if len(set(lengths)) == 1 and len(lengths) > 1:
        query, key, value = (_side_by_side(each, len(lengths)) for each in (query, key, value))
        lengths = lengths[:1]
    pieces = zip(*(each.split(lengths, dim=2) for each in (query, key, value)), strict=True)
    outputs = [
        sdpa_attention_forward(module, q, k, v, None, scaling=scaling, is_causal=is_causal)[0]
        for q, k, v in pieces
    ]
    return torch.cat([each.flatten(0, 1) for each in outputs])[None]


def _side_by_side(row: Tensor, number: int) -> Tensor:
    """[1, heads, number * tokens, width] → [number, heads, tokens, width]."""
    return row[0].unflatten(1, (number, -1)).transpose(0, 1)


def _varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    longest: int,
    scaling: float | None,
    is_causal: bool,
) -> Tensor:
    """torch's kernel for stretches; its keywords differ from version to version."""
    from torch.nn.attention.varlen import varlen_attn

    keywords = _varlen_keywords()
    given: dict[str, Any] = {}
    q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
    if q.shape[1] != k.shape[1]:
        if "enable_gqa" in keywords:
            given["enable_gqa"] = True
        else:
            groups = q.shape[1] // k.shape[1]
            k, v = (each.repeat_interleave(groups, dim=1) for each in (k, v))
    if is_causal:
        given |= {"is_causal": True} if "is_causal" in keywords else {"window_size": (-1, 0)}
    if "scale" in keywords:
        given["scale"] = scaling
    elif scaling is not None and scaling != q.shape[-1] ** -0.5:
        q = q * (scaling * q.shape[-1] ** 0.5)
    attended = varlen_attn(q, k, v, starts, starts, longest, longest, **given)
    assert isinstance(attended, Tensor)
    return attended[None]


@lru_cache(maxsize=1)
def _varlen_keywords() -> frozenset[str]:
    from torch.nn.attention.varlen import varlen_attn

    function: Callable[..., Any] = varlen_attn
    return frozenset(inspect.signature(function).parameters)
