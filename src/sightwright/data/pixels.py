"""Images → the patches Qwen3-VL reads: the one resampler for training, evaluation and service.

An image is resized once, in uint8, to the exact grid; it is cut into patches while still uint8, and
becomes float only at the model's door. Equal to transformers' Qwen2-VL image processor given the
same resized pixels (tested); its PIL resize differs from torch's by at most 2 in 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sightwright.data.sizes import grid_of, image_tokens
from sightwright.vision import VisionSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "PatchedImage",
    "PixelBatch",
    "image_inputs",
    "image_patches",
    "image_tokens",
    "patched",
    "to_pixel_values",
]

CHANNELS = 3
RESAMPLER = "bicubic-antialias-uint8/1"
"""Names how pixels become patches: counted up by whoever changes it, so that no patches made before
are taken for those made now."""


@dataclass(frozen=True)
class PatchedImage:
    """An image that is patches already.

    Attributes:
        size: (width, height) of the image, in pixels.
        patches: as `image_patches` makes them.
    """

    size: tuple[int, int]
    patches: Tensor


@dataclass(frozen=True)
class PixelBatch:
    """What the model takes for images.

    Attributes:
        pixel_values: float [patches of all images, channels * frames * patch * patch].
        image_grid_thw: long [images, 3]: frames, rows and columns of patches.
    """

    pixel_values: Tensor
    image_grid_thw: Tensor


def image_patches(image: Image, spec: VisionSpec) -> Tensor:
    """One frame's patches: uint8 [rows * columns, channels * patch * patch], in Qwen's order.

    Raises:
        ImageError: a size that no grid fits.
    """
    _, rows, columns = grid_of(image.width, image.height, spec)
    height, width = rows * spec.patch_size, columns * spec.patch_size
    # np.array copies: Pillow's own buffer is read-only, which torch warns of.
    pixels_HWC = torch.from_numpy(np.array(image.convert("RGB")))
    return _patchify(_resize(pixels_HWC, height, width), spec)


def patched(image: Image | PatchedImage, spec: VisionSpec) -> PatchedImage:
    """An image cut into its patches, if it is not yet.

    Raises:
        ImageError: a size that no grid fits.
    """
    if isinstance(image, PatchedImage):
        return image
    return PatchedImage(image.size, image_patches(image, spec))


def to_pixel_values(patches: Tensor, spec: VisionSpec) -> Tensor:
    """Normalise uint8 patches [N, C * p * p] and repeat the frame: float [N, C * T * p * p]."""
    values = patches.view(len(patches), CHANNELS, 1, spec.patch_size**2).float()
    shape = (1, CHANNELS, 1, 1)
    mean = torch.tensor(spec.mean, device=patches.device).view(shape)
    std = torch.tensor(spec.std, device=patches.device).view(shape)
    values = values.mul_(1 / 255).sub_(mean).div_(std)
    return values.expand(-1, -1, spec.temporal_patch_size, -1).flatten(1)


def image_inputs(images: Sequence[Image], spec: VisionSpec) -> PixelBatch:
    """What the model takes for these images, in order; empty tensors for none.

    Raises:
        ImageError: an image whose size no grid fits.
    """
    width = CHANNELS * spec.patch_size**2
    patches = [torch.empty((0, width), dtype=torch.uint8)]
    patches += [image_patches(image, spec) for image in images]
    grids = [grid_of(image.width, image.height, spec) for image in images]
    return PixelBatch(
        to_pixel_values(torch.cat(patches), spec),
        torch.tensor(grids, dtype=torch.long).view(-1, 3),
    )


def _resize(pixels_HWC: Tensor, height: int, width: int) -> Tensor:
    """Antialiased bicubic in uint8; an image already on the grid is left as it is."""
    if pixels_HWC.shape[:2] == (height, width):
        return pixels_HWC
    # A permuted view is what torch calls channels-last, which has the fast path: no copy here.
    resized = torch.nn.functional.interpolate(
        pixels_HWC.permute(2, 0, 1)[None],
        size=(height, width),
        mode="bicubic",
        antialias=True,
        align_corners=False,
    )
    return resized[0].permute(1, 2, 0)


def _patchify(pixels_HWC: Tensor, spec: VisionSpec) -> Tensor:
    """Row-major over merge blocks, and row-major over the patches inside each block."""
    patch, merge = spec.patch_size, spec.merge_size
    height, width = pixels_HWC.shape[:2]
    rows, columns = height // patch, width // patch
    blocks = pixels_HWC.reshape(
        rows // merge, merge, patch, columns // merge, merge, patch, CHANNELS
    )
    # (block row, block column, row in block, column in block, channel, y, x)
    return blocks.permute(0, 3, 1, 4, 6, 2, 5).reshape(rows * columns, CHANNELS * patch * patch)
