"""Qwen3-VL's three-row positions (mRoPE: time, height, width) from lengths and grids alone.

Text counts on all three rows together. An image keeps its first position on the time row and counts
its merged rows and columns on the other two; the text after it goes on from the larger side. With
two text tokens and a 2x3 image (merged), the rows are

    time    0 1 | 2 2 2 2 2 2 | 5
    height  0 1 | 2 2 2 3 3 3 | 5
    width   0 1 | 2 3 4 2 3 4 | 5
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sightwright.data.sizes import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mrope_positions(
    length: int, image_starts: Sequence[int], grids: Sequence[Grid], merge_size: int
) -> "NDArray[np.int64]":
    """Positions [3, length] of one conversation, equal to the model's own `get_rope_index`.

    Args:
        length: tokens, image pads included.
        image_starts: index of the first pad of each image, ascending.
        grids: patches of each image, before merging.
        merge_size: patches per side of one LLM token.
    """
    positions = np.empty((3, length), dtype=np.int64)
    token = position = 0
    for start, (frames, rows, columns) in zip(image_starts, grids, strict=True):
        positions[:, token:start] = np.arange(position, position + start - token)
        position += start - token
        merged = (frames, rows // merge_size, columns // merge_size)
        num_tokens = merged[0] * merged[1] * merged[2]
        token = start + num_tokens
        positions[:, start:token] = position + np.indices(merged).reshape(3, num_tokens)
        position += max(merged[1], merged[2])
    positions[:, token:] = np.arange(position, position + length - token)
    return positions
