"""What the ViT looks up by the shape of an image: places for its rope and its table of learnt
positions, and the boundaries of its attention. Computed with the batch, so that the model waits for
nothing.

The functions are transformers' own (`vision_utils`), which the ViT would call by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from sightwright.data.sizes import Grid

# Pages of a corpus share a few shapes; one of 1,000 tokens takes 130 KB.
_SHAPES_KEPT = 256


def vision_inputs(
    grids: Sequence[Grid], merge_size: int, num_position_embeddings: int
) -> dict[str, Any]:
    """Keywords of the ViT's forward beside its patches and grids.

    Args:
        grids: patches of each image.
        num_position_embeddings: of the square table of learnt positions.

    Returns:
        `cu_seqlens` int32 [images + 1] and `max_seqlen`, in patches; `position_ids` int32
        [patches, 2]: row and column; `interp_indices` int32 and `interp_weights` fp32
        [patches, 4]: where in the table, and how much of each.
    """
    side = int(num_position_embeddings**0.5)
    shapes = [_of_shape(grid, merge_size, side) for grid in grids]
    lengths = [len(positions) for positions, _, _ in shapes]
    places, indices, weights = (torch.cat(each) for each in zip(*shapes, strict=True))
    return {
        "cu_seqlens": torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32),
        "max_seqlen": max(lengths),
        "position_ids": places,
        "interp_indices": indices,
        "interp_weights": weights,
    }


@lru_cache(maxsize=_SHAPES_KEPT)
def _of_shape(grid: Grid, merge_size: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    from transformers import vision_utils

    shape = torch.tensor([grid])
    places = vision_utils.get_vision_position_ids(shape, merge_size)
    indices, weights = vision_utils.get_vision_interpolation_indices_and_weights(
        shape,
        num_grid_per_side=side,
        mode="bilinear",
        align_corners=True,
        spatial_merge_size=merge_size,
    )
    return places.int(), indices.int(), weights
