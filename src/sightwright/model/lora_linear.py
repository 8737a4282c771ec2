"""LoRA's linear layer in one pass: what the adapter says is added by the product that computes it.

PEFT writes the adapter's share out, scales it, and adds it to the base's: three passes over the
widest tensors of a step. Here the last product scales and adds as it goes. Anything beside plain
LoRA (DoRA and other variants, several adapters, merged or switched-off ones, shards, mixed formats
without autocast) is left to PEFT.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn

from sightwright.model.shards import is_plain


class LoraLinear(Linear):
    """PEFT's, with another forward."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """
        Args:
            x: [..., width in].

        Returns:
            [..., width out].
        """
        name = self._plain_adapter(x) if not (args or kwargs) else None
        if name is None:
            return super().forward(x, *args, **kwargs)
        rows = x.flatten(0, -2)
        low = self.lora_A[name](self.lora_dropout[name](rows))
        up: Tensor = self.lora_B[name].weight  # type: ignore[assignment]
        # Nothing keeps the base's product, so it can be added to in place.
        out: Tensor = self.base_layer(rows)
        out = out.addmm_(low, up.t().to(low.dtype), alpha=self.scaling[name])
        return out.unflatten(0, x.shape[:-1])

    def _plain_adapter(self, x: Tensor) -> str | None:
        """The one adapter that is at work, if there is nothing more to it than two products."""
        if self.disable_adapters or self.merged or len(self.active_adapters) != 1:
            return None
        (name,) = self.active_adapters
        if name not in self.lora_A or name in self.lora_variant:
            return None
        down, up, base = self.lora_A[name], self.lora_B[name], self.base_layer
        if not (is_plain(down) and is_plain(up) and type(base) is nn.Linear):
            return None
        same = x.dtype == down.weight.dtype == up.weight.dtype == base.weight.dtype
        return name if same or torch.is_autocast_enabled(x.device.type) else None


def take_lora_linear(model: nn.Module) -> None:
    """Change the class of PEFT's plain linear adapters."""
    for module in model.modules():
        if type(module) is Linear:
            module.__class__ = LoraLinear
