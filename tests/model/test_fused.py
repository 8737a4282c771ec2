"""Written-out gradients against autograd's, through transformers' own modules."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLTextRMSNorm,
    apply_rotary_pos_emb,
    apply_rotary_pos_emb_vision,
)

from sightwright.model.fused import rms_norm, rotate

TOKENS, HEADS, WIDTH = 5, 2, 8


def results(function: Callable[..., Tensor], *given: Tensor) -> list[Tensor]:
    """What a function gives, and the gradient of each input that it reads."""
    leaves = [each.detach().clone().requires_grad_() for each in given]
    out = function(*leaves)
    torch.manual_seed(1)
    gradients = torch.autograd.grad(out, leaves, torch.randn(out.shape).to(out.dtype))
    return [out.detach(), *gradients]


def assert_same(found: list[Tensor], expected: list[Tensor], **tolerance: float) -> None:
    for each, other in zip(found, expected, strict=True):
        assert each.dtype == other.dtype
        torch.testing.assert_close(each, other, **tolerance)


@pytest.fixture
def angles() -> tuple[Tensor, Tensor]:
    """fp32 [tokens, width], both halves the same."""
    turned = (torch.arange(TOKENS * WIDTH // 2).view(TOKENS, -1) / 7).repeat(1, 2)
    return turned.cos(), turned.sin()


def test_a_quarter_turn() -> None:
    zero, one = torch.zeros(4), torch.ones(4)
    found = rotate(torch.tensor([1.0, 2.0, 3.0, 4.0]), zero, one)
    assert found.tolist() == [-3.0, -4.0, 1.0, 2.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_queries_are_turned_as_transformers_turns_them(
    dtype: torch.dtype, angles: tuple[Tensor, Tensor]
) -> None:
    torch.manual_seed(0)
    cos, sin = (each.to(dtype)[None] for each in angles)
    x = torch.randn(1, HEADS, TOKENS, WIDTH).to(dtype)
    stock = results(lambda x: apply_rotary_pos_emb(x, x, cos, sin)[0], x)
    found = results(lambda x: rotate(x, cos[:, None], sin[:, None]), x)
    # transformers rounds each of two products, ours their sum.
    tolerance = {"rtol": 2**-7, "atol": 2**-7} if dtype == torch.bfloat16 else {}
    assert_same(found, stock, **tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_patches_are_turned_in_fp32(dtype: torch.dtype, angles: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    cos, sin = angles
    x = torch.randn(TOKENS, HEADS, WIDTH).to(dtype)
    stock = results(lambda x: apply_rotary_pos_emb_vision(x, x, cos, sin)[0], x)
    assert_same(results(lambda x: rotate(x, cos[:, None], sin[:, None]), x), stock)


def test_a_turn_is_undone_by_its_gradient(angles: tuple[Tensor, Tensor]) -> None:
    cos, sin = (each.double()[:, None] for each in angles)
    x = torch.randn(TOKENS, HEADS, WIDTH, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, cos, sin), x)


def test_a_row_of_equal_numbers_becomes_its_weight() -> None:
    found = rms_norm(torch.full((2, 4), -3.0), torch.tensor([1.0, 2.0, 3.0, 4.0]), 0.0)
    assert found.tolist() == [[-1.0, -2.0, -3.0, -4.0]] * 2


@pytest.mark.parametrize(
    ("hidden", "weights"),
    [
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.bfloat16),
        # Mixed precision keeps its norms in fp32.
        (torch.bfloat16, torch.float32),
    ],
)
@pytest.mark.parametrize("shape", [(1, TOKENS, WIDTH), (1, TOKENS, HEADS, WIDTH)])
def test_a_norm_is_that_of_transformers(
    hidden: torch.dtype, weights: torch.dtype, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    norm = Qwen3VLTextRMSNorm(WIDTH, eps=1e-6)
    x, weight = 3 * torch.randn(shape), torch.randn(WIDTH)

    def stock(x: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(norm, {"weight": weight}, x)

    found, expected = (
        results(each, x.to(hidden), weight.to(weights))
        for each in (lambda x, weight: rms_norm(x, weight, 1e-6), stock)
    )
    tolerance = {} if hidden == torch.float32 else {"rtol": 2**-7, "atol": 2**-6}
    torch.testing.assert_close(found[0], expected[0], rtol=1e-6, atol=1e-6)
    assert_same(found, expected, **tolerance)


def test_a_frozen_weight_has_no_gradient() -> None:
    x = torch.randn(TOKENS, WIDTH, requires_grad=True)
    weight = torch.randn(WIDTH)
    rms_norm(x, weight, 1e-6).sum().backward()
    assert x.grad is not None and weight.grad is None


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_very_small_and_large_rows_stay_finite(size: float) -> None:
    x = torch.full((1, WIDTH), size)
    found = results(lambda x: rms_norm(x, torch.ones(WIDTH), 1e-6), x)
    expected = results(Qwen3VLTextRMSNorm(WIDTH, eps=1e-6), x)
    assert_same(found, expected)
