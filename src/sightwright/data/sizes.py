"""Sizes, grids and token counts of images from their headers: no pixel is decoded to plan."""

import io
from pathlib import Path

from sightwright.images import (
    FORMATS,
    bytes_elsewhere,
    decoding,
    is_elsewhere,
    place_of,
    refuse_more_pages,
    resolve_path,
    smart_resize,
)
from sightwright.vision import VisionSpec

Grid = tuple[int, int, int]
"""Frames, rows and columns of patches of one image."""

_ORIENTATION = 0x0112
_TURNED_ORIENTATIONS = (5, 6, 7, 8)


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


def image_size(reference: str, root: Path | None = None) -> tuple[int, int]:
    """(width, height) in pixels, as the image stands after its EXIF orientation is applied.

    An http(s) image is fetched for it, once: the cache has it when it is opened.

    Raises:
        ImageError: missing, not to be had, not an image, of several pages, or not readable.
    """
    from PIL import Image

    where = place_of(reference, root)
    if is_elsewhere(reference):
        source = io.BytesIO(bytes_elsewhere(reference))
    else:
        source = resolve_path(reference, root)
    with decoding(where), Image.open(source, formats=FORMATS) as image:
        refuse_more_pages(image, where)
        turned = _orientation(image) in _TURNED_ORIENTATIONS
        return (image.height, image.width) if turned else (image.width, image.height)


def _orientation(image: object) -> int:
    from PIL.Image import Exif, Image

    assert isinstance(image, Image)
    # `image.getexif()` decodes a whole PNG in search of a late chunk; the header is enough here.
    # (A TIFF has no such entry: Pillow turns its size itself.)
    stored = image.info.get("exif")
    if not isinstance(stored, bytes):
        return 1
    exif = Exif()
    exif.load(stored)
    return int(exif.get(_ORIENTATION, 1))
