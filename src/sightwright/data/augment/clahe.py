"""Contrast-limited adaptive histogram equalisation, number for number as OpenCV's `createCLAHE`.

Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV (1994): each tile
has a table of its own from its clipped histogram, and a pixel is led between the tables of the four
tiles around it.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from sightwright.data.augment.lightness import Levels, Lightness

_LEVELS = 256


def clahe_image(image: Image.Image, clip_limit: float, tiles: tuple[int, int]) -> Image.Image:
    """Equalise the lightness of an RGB image; its colours stay."""
    apart = Lightness(np.asarray(image))
    return Image.fromarray(apart.with_levels(clahe(apart.levels, clip_limit, tiles)))


def clahe(levels_HW: Levels, clip_limit: float, tiles: tuple[int, int]) -> Levels:
    """Equalise one channel.

    Args:
        clip_limit: how often a level may occur in a tile, in multiples of the even share.
        tiles: across and down.
    """
    across, down = tiles
    padded, tile = _padded(levels_HW, across, down)
    tables = _tables(padded, tile, across, down, clip_limit)
    return _between_tables(levels_HW, tables, tile)


def _padded(levels: Levels, across: int, down: int) -> tuple[Levels, tuple[int, int]]:
    """Whole tiles, the image mirrored at its right and lower border; (width, height) of a tile."""
    height, width = levels.shape
    if width % across or height % down:
        # As OpenCV has it: a side that divides already gets another row of its tiles' number.
        pad = ((0, down - height % down), (0, across - width % across))
        levels = np.pad(levels, pad, mode="reflect")
    return levels, (levels.shape[1] // across, levels.shape[0] // down)


def _tables(
    levels: Levels, tile: tuple[int, int], across: int, down: int, clip_limit: float
) -> Levels:
    """[down, across, 256]: what each level becomes in each tile."""
    width, height = tile
    blocks = levels.reshape(down, height, across, width).swapaxes(1, 2).reshape(down * across, -1)
    offsets = np.arange(down * across)[:, None] * _LEVELS
    counts = np.bincount((blocks + offsets).ravel(), minlength=down * across * _LEVELS)
    histograms = counts.reshape(down * across, _LEVELS)
    limit = max(int(clip_limit * width * height / _LEVELS), 1)
    clipped = np.stack([_clipped(histogram, limit) for histogram in histograms])
    scale = np.float32(_LEVELS - 1) / np.float32(width * height)
    table = np.rint(clipped.cumsum(axis=1).astype(np.float32) * scale)
    return np.clip(table, 0, 255).astype(np.uint8).reshape(down, across, _LEVELS)


def _clipped(histogram: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.int64]:
    """What is above the limit is dealt out to all levels, the remainder at even steps."""
    kept = np.minimum(histogram, limit)
    each, rest = divmod(int(histogram.sum() - kept.sum()), _LEVELS)
    kept = kept + each
    if rest:
        step = max(_LEVELS // rest, 1)
        kept[np.arange(0, _LEVELS, step)[:rest]] += 1
    return kept


def _between_tables(levels: Levels, tables: Levels, tile: tuple[int, int]) -> Levels:
    height, width = levels.shape
    down, across, _ = tables.shape
    left, right, x = _neighbours(width, tile[0], across)
    upper, lower, y = _neighbours(height, tile[1], down)
    flat = tables.reshape(-1).astype(np.float32)
    level = levels.astype(np.int32)

    def seen(
        rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        tile_number = rows[:, None] * across + columns[None, :]
        return flat[tile_number * _LEVELS + level]

    one = np.float32(1)
    above = seen(upper, left) * (one - x) + seen(upper, right) * x
    below = seen(lower, left) * (one - x) + seen(lower, right) * x
    mixed = above * (one - y)[:, None] + below * y[:, None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _neighbours(
    length: int, tile: int, num_tiles: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Of each pixel along a side: the tile before, the one after, and the way between them."""
    place = np.arange(length, dtype=np.float32) * (np.float32(1) / np.float32(tile)) - np.float32(
        0.5
    )
    before = np.floor(place).astype(np.int32)
    way = place - before.astype(np.float32)
    return np.maximum(before, 0), np.minimum(before + 1, num_tiles - 1), way
