"""Attention by stretches against one masked attention over the whole row."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from sightwright.model.attention import (
    attend_by_document,
    attends_by_document,
    boundaries,
    stretches_attention_forward,
)

HEADS, KV_HEADS, WIDTH = 4, 2, 8


def test_dropout_inside_attention_is_left_to_transformers(dense: PreTrainedModel) -> None:
    dense.config.text_config.attention_dropout = 0.1
    attend_by_document(dense)
    assert not attends_by_document(dense)
    dense.config.text_config.attention_dropout = 0.0
    attend_by_document(dense)
    assert attends_by_document(dense)


def masked(q: Tensor, k: Tensor, v: Tensor, lengths: list[int], is_causal: bool) -> Tensor:
    """[1, tokens, heads, width] by a dense mask that holds no pair of two stretches."""
    of_each = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    allowed = of_each[:, None] == of_each[None]
    if is_causal:
        allowed &= torch.ones_like(allowed).tril()
    k, v = (each.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for each in (k, v))
    attended = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    return attended.transpose(1, 2)


def row(lengths: list[int], kv_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    heads = (HEADS, kv_heads, kv_heads)
    q, k, v = (torch.randn(1, n, sum(lengths), WIDTH, requires_grad=True) for n in heads)
    return q, k, v


@pytest.mark.parametrize("lengths", [[7], [5, 1, 9], [4, 4, 4]], ids=["one", "several", "equal"])
@pytest.mark.parametrize("is_causal", [True, False])
def test_stretches_are_attended_to_apart(lengths: list[int], is_causal: bool) -> None:
    # Only the language model shares keys among heads.
    kv_heads = KV_HEADS if is_causal else HEADS
    module = SimpleNamespace(
        is_causal=is_causal, training=True, num_key_value_groups=HEADS // kv_heads
    )
    q, k, v = row(lengths, kv_heads)
    starts = torch.tensor([0, *lengths]).cumsum(0).int()
    found, weights = stretches_attention_forward(
        module, q, k, v, None, scaling=WIDTH**-0.5, **boundaries(starts, max(lengths))
    )
    assert weights is None
    expected = masked(q, k, v, lengths, is_causal)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    towards = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad(found, (q, k, v), towards),
        torch.autograd.grad(expected, (q, k, v), towards),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_boundaries_are_where_positions_return_to_zero() -> None:
    module = SimpleNamespace(is_causal=True, training=True, num_key_value_groups=2)
    q, k, v = row([3, 5], KV_HEADS)
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3, 4]])
    found, _ = stretches_attention_forward(module, q, k, v, None, position_ids=positions)
    torch.testing.assert_close(found, masked(q, k, v, [3, 5], True), rtol=1e-5, atol=1e-6)
