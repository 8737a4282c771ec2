"""Rotary positions and RMSNorm with their gradients written out: half the passes over memory.

Layers of a small width wait for memory, not for products. Left to autograd, each operation of these
two keeps its result and is undone on its own; written as a whole they keep their input, and are
undone in a few passes. They compute what transformers' modules do, and round where those round; a
compiler fuses the stock ones by itself (see `layers`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + width / 2]) by their angles, as Qwen's rotary embedding does.

    Args:
        x: [..., head width].
        cos, sin: of the angles, broadcast to `x`; both halves of the last axis are the same.

    Returns:
        In the dtype of `x`; computed in that of `cos` where it is the finer one.
    """
    return _Rotated.apply(x, cos, sin)  # type: ignore[no-any-return]


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`weight * x / rms(x)` over the last axis, normalised in fp32 and rounded to the dtype of `x`
    before it is weighted (Zhang and Sennrich, arXiv:1910.07467).

    Args:
        x: [..., width].
        weight: [width].
    """
    return _Normalised.apply(x, weight, eps)  # type: ignore[no-any-return]


class _Rotated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        # A rotation is undone by the one in the other direction.
        cos, sin = ctx.saved_tensors
        return _turned(grad, cos, sin, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, direction: int) -> Tensor:
    half = x.shape[-1] // 2
    turned = x * cos
    turned[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-direction)
    turned[..., half:].addcmul_(x[..., :half], sin[..., half:], value=direction)
    return turned.to(x.dtype)


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        values = x.float()
        length = torch.linalg.vector_norm(values, dim=-1, keepdim=True)
        scale = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return weight * (values * scale).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, scale = ctx.saved_tensors
        values = x.float()
        grad_x = grad_weight = None
        if ctx.needs_input_grad[1]:
            normalised = (values * scale).to(x.dtype)
            grad_weight = (grad * normalised).flatten(0, -2).sum(0)
        if ctx.needs_input_grad[0]:
            # With g the gradient of x / rms and s = 1 / rms: s * g - x * s**3 * mean(g * x).
            inner = (grad * weight).to(x.dtype).float()
            along = (inner * values).mean(-1, keepdim=True).mul_(scale**3)
            grad_x = (inner * scale).addcmul_(values, along, value=-1).to(x.dtype)
        return grad_x, grad_weight, None
