"""Whether a weight can be used beside its module: not where no process holds it whole between two
uses (FSDP2, ZeRO-3)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def is_shard(weight: Tensor) -> bool:
    """FSDP2 leaves a piece in the place of a weight, ZeRO-3 nothing but its number."""
    return isinstance(weight, DTensor) or hasattr(weight, "ds_id")


def is_plain(module: nn.Module) -> bool:
    """Whether it is a product with a weight that is here, whole, and all that it computes with: no
    bias, no adapter, no shard, no hook."""
    return (
        type(module) is nn.Linear
        and module.bias is None
        and not is_shard(module.weight)
        and not module._forward_pre_hooks
        and not module._forward_hooks
    )


def lies_in_shards(model: nn.Module) -> bool:
    """Whether some weight of the model does."""
    return any(is_shard(weight) for weight in model.parameters())


def whole_size(weight: Tensor) -> int:
    """How many numbers the weight has, however it is kept."""
    # bitsandbytes packs two 4-bit weights into a byte, and knows the shape they had.
    state = getattr(weight, "quant_state", None)
    if state is not None:
        return int(state.shape.numel())
    return int(getattr(weight, "ds_numel", weight.numel()))
