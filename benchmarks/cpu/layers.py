"""The parts of a layer that have another forward than transformers' and PEFT's, alone: there and
back through a norm, a turn of queries and keys, and a linear layer with LoRA."""

from collections.abc import Callable, Sequence
from importlib import metadata

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextRMSNorm, apply_rotary_pos_emb

from benchmarks.alternating import Comparison, compare
from sightwright.model.fused import rms_norm, rotate
from sightwright.model.lora_linear import LoraLinear, take_lora_linear

TOKENS, HEADS, KV_HEADS, HEAD_WIDTH, RANK = 2048, 4, 2, 32, 16
TURNS = 15
MOST_APART = 1e-5
"""Of the length of what is compared."""

Results = Callable[[], tuple[Tensor, ...]]


def run() -> list[Comparison]:
    return [
        *(compare_norms(width, TOKENS) for width in (128, 1024)),
        compare_turns_of_heads(TOKENS),
        *(compare_lora(inside, outside, TOKENS) for inside, outside in ((128, 384), (1024, 3072))),
    ]


def compare_norms(width: int, tokens: int) -> Comparison:
    x, norm = _learning(1, tokens, width), Qwen3VLTextRMSNorm(width)
    nn.init.normal_(norm.weight)
    return _compare(
        f"RMSNorm of {tokens} tokens, width {width}",
        lambda: (rms_norm(x, norm.weight, norm.variance_epsilon),),
        lambda: (norm(x),),
        [x, norm.weight],
    )


def compare_turns_of_heads(tokens: int) -> Comparison:
    angles = torch.arange(tokens)[:, None] / 10 ** torch.linspace(0, 4, HEAD_WIDTH // 2)
    cos, sin = (each.repeat(1, 2)[None] for each in (angles.cos(), angles.sin()))
    query, key = (_learning(1, heads, tokens, HEAD_WIDTH) for heads in (HEADS, KV_HEADS))
    return _compare(
        f"Rotary positions of {tokens} tokens, {HEADS} and {KV_HEADS} heads of {HEAD_WIDTH}",
        lambda: tuple(rotate(each, cos[:, None], sin[:, None]) for each in (query, key)),
        lambda: apply_rotary_pos_emb(query, key, cos, sin),
        [query, key],
    )


def compare_lora(inside: int, outside: int, tokens: int) -> Comparison:
    # The scale is no power of two: it is rounded.
    config = LoraConfig(r=RANK, lora_alpha=RANK + 5, target_modules=["0"])
    model = get_peft_model(nn.Sequential(nn.Linear(inside, outside, bias=False)), config)
    take_lora_linear(model)
    (layer,) = (each for each in model.modules() if isinstance(each, LoraLinear))
    down, up = (layer.get_parameter(f"lora_{end}.default.weight") for end in "AB")
    nn.init.normal_(up)
    x = _learning(1, tokens, inside)
    return _compare(
        f"LoRA of rank {RANK} on a layer of {inside} x {outside}, {tokens} tokens",
        lambda: (layer(x),),
        lambda: (Linear.forward(layer, x),),
        [x, down, up],
        f"PEFT {metadata.version('peft')}",
    )


def _learning(*shape: int) -> Tensor:
    return torch.randn(shape, requires_grad=True)


def _compare(
    title: str,
    ours: Results,
    stock: Results,
    leaves: Sequence[Tensor],
    peer: str = f"transformers {metadata.version('transformers')}",
) -> Comparison:
    """Check that both give the same, and the same gradients, then time them.

    Raises:
        AssertionError: they do not.
    """
    upstream = [torch.randn_like(each) for each in stock()]

    def there_and_back(results: Results) -> list[Tensor]:
        outputs = results()
        return [*outputs, *torch.autograd.grad(outputs, leaves, upstream)]

    found, expected = there_and_back(ours), there_and_back(stock)
    apart = [((a - b).norm() / b.norm()).item() for a, b in zip(found, expected, strict=True)]
    # Each for itself: a nan is under no limit, and max would pass over it.
    assert all(each <= MOST_APART for each in apart), apart
    return compare(
        f"{title}, there and back",
        lambda: there_and_back(ours),
        lambda: there_and_back(stock),
        peer,
        TURNS,
        f"the same results and gradients, within {max(apart):.0e} of their length",
    )
