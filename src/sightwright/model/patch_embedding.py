"""The ViT's first layer on uint8 patches, as a matrix product.

Stock Qwen3-VL convolves with a kernel as large as its stride: a matrix product by the slow road. A
still image fills both temporal slices of a patch with one frame, so the two slices of the weight
are added and the frame is read once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sightwright.model.shards import is_shard

QWEN_MEAN = QWEN_STD = (0.5, 0.5, 0.5)


class LinearPatchEmbed(nn.Module):
    """Another forward for the patch embedding of transformers, with the same parameters.

    A module becomes one by `take_uint8_patches`, so that names, initialisation and adapters stay
    those of the stock class.
    """

    proj: nn.Module
    in_channels: int
    temporal_patch_size: int
    patch_size: int
    embed_dim: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def forward(self, hidden_states: Tensor) -> Tensor:
        """
        Args:
            hidden_states: uint8 [patches, channels * p * p], or what transformers' image processor
                gives: float [patches, channels * frames * p * p].

        Returns:
            [patches, width].
        """
        if hidden_states.dtype == torch.uint8:
            hidden_states = self.normalised(hidden_states)
        if not _is_plain(self.proj):
            return self._convolved(hidden_states)
        weight: Tensor = self.proj.weight  # type: ignore[assignment]
        bias: Tensor = self.proj.bias  # type: ignore[assignment]
        # One frame is as wide as a slice of the weight; several are as wide as all of it.
        per_frame = self.in_channels * self.patch_size**2
        weight = weight.sum(2) if hidden_states.shape[1] == per_frame else weight
        return linear(hidden_states.to(weight.dtype), weight.flatten(1), bias)

    def normalised(self, patches: Tensor) -> Tensor:
        """fp32 [patches, channels * p * p]: (v / 255 - mean) / std, channel by channel."""
        mean, std = (self._per_channel(each, patches) * 255 for each in (self.mean, self.std))
        values = patches.view(len(patches), self.in_channels, -1).float()
        return values.sub_(mean).div_(std).flatten(1)

    def _per_channel(self, values: tuple[float, ...], like: Tensor) -> Tensor:
        if len(set(values)) == 1:
            # No tensor is sent to the device for Qwen's own numbers.
            return torch.full((1, 1, 1), values[0], device=like.device)
        return torch.tensor(values, device=like.device).view(1, -1, 1)

    def _convolved(self, values: Tensor) -> Tensor:
        """By way of the module, where its weight is not all that counts (an adapter, a shard)."""
        slices = (len(values), self.in_channels, -1, self.patch_size, self.patch_size)
        frames = values.view(slices).expand(-1, -1, self.temporal_patch_size, -1, -1)
        return self.proj(frames.to(_dtype(self.proj))).view(-1, self.embed_dim)


def take_uint8_patches(
    embed: Any, mean: tuple[float, ...] = QWEN_MEAN, std: tuple[float, ...] = QWEN_STD
) -> None:
    """Change the forward of a stock patch embedding.

    Args:
        mean, std: normalisation of values in 0..1, by channel.
    """
    embed.__class__ = LinearPatchEmbed
    embed.mean, embed.std = mean, std


def _is_plain(module: nn.Module) -> bool:
    """Its weight is here, whole, and all that it computes with."""
    return type(module) is nn.Conv3d and not is_shard(module.weight)


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype
