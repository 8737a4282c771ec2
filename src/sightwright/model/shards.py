"""Weights that no process holds whole between two uses of them (FSDP2, ZeRO-3)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def is_shard(weight: Tensor) -> bool:
    """FSDP2 leaves a piece in the place of a weight, ZeRO-3 nothing but its number."""
    return isinstance(weight, DTensor) or hasattr(weight, "ds_id")


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
