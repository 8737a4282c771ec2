"""Grids and token counts of images from their sizes: no pixel is decoded to plan."""

from sightwright.images import smart_resize
from sightwright.vision import VisionSpec

Grid = tuple[int, int, int]
"""Frames, rows and columns of patches of one image."""


def grid_of(width: int, height: int, spec: VisionSpec) -> Grid:
    """Patches of an image of this size in pixels: 192x192 gives (1, 12, 12).

    Raises:
        ImageError: a size that no grid fits.
    """
    resized_height, resized_width = smart_resize(
        height,
        width,
        factor=spec.factor,
        min_pixels=spec.pixels.min_pixels,
        max_pixels=spec.pixels.max_pixels,
    )
    return 1, resized_height // spec.patch_size, resized_width // spec.patch_size


def grid_tokens(grid: Grid, spec: VisionSpec) -> int:
    """LLM tokens of a grid of patches."""
    frames, rows, columns = grid
    return frames * rows * columns // spec.merge_size**2


def image_tokens(width: int, height: int, spec: VisionSpec) -> int:
    """LLM tokens of an image of this size: 192x192 gives 36."""
    return grid_tokens(grid_of(width, height, spec), spec)
