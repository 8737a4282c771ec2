"""Operations that set the size of the canvas."""

import math

import numpy as np
from PIL import Image

from sightwright.config.sections.augmentation_params import (
    ExpandToFitAffineParams,
    PadToMultipleParams,
    ResizeByScaleParams,
)
from sightwright.data.augment import matrices
from sightwright.data.augment.canvas import Canvas
from sightwright.data.augment.matrices import IDENTITY, Size
from sightwright.data.augment.warp import warp
from sightwright.geometry import Polygon, bounds, transform

# A thousandth of a pixel is arithmetic, and no reason for another block of grey.
_SLACK = 1e-3


def resize_by_scale(canvas: Canvas, params: ResizeByScaleParams, rng: np.random.Generator) -> None:
    """Both sides by one factor, then up to the next multiple, so that nothing is cut."""
    canvas.flush()
    chosen = rng.uniform(params.lo, params.hi)
    factor = float(chosen if params.scales is None else rng.choice(params.scales))
    old, multiple = canvas.size, params.align_multiple
    new = (_up(old[0] * factor, multiple), _up(old[1] * factor, multiple))
    canvas.log.applied.append("resize_by_scale")
    if new != old:
        image = canvas.image.resize(new, Image.Resampling.BICUBIC)
        canvas.replace_image(image, matrices.resize(old, new), "resize_by_scale")


def pad_to_multiple(canvas: Canvas, params: PadToMultipleParams) -> None:
    """Grey at the right and below; nothing moves."""
    canvas.flush()
    size = (_up(canvas.size[0], params.multiple), _up(canvas.size[1], params.multiple))
    canvas.log.applied.append("pad_to_multiple")
    if size != canvas.size:
        canvas.replace_image(warp(canvas.image, IDENTITY, size), IDENTITY, "pad_to_multiple")


def expand_to_fit_affine(canvas: Canvas, params: ExpandToFitAffineParams) -> None:
    """Draw what waits on a canvas that holds all of it, both sides multiples of a block.

    Above `max_pixels` everything is drawn smaller, on the largest canvas of whole blocks that is
    not: 1000x1000 with blocks of 32 and 921600 pixels gives 960x960.
    """
    moved = bounds(transform(Polygon(matrices.border(canvas.size)), canvas.pending))
    width, height = moved.x2 - moved.x1, moved.y2 - moved.y1
    size = (_up(width - _SLACK, params.multiple), _up(height - _SLACK, params.multiple))
    factor = 1.0
    if size[0] * size[1] > params.max_pixels:
        size = _within(width, height, params)
        factor = min(size[0] / width, size[1] / height, 1.0)
    # Its top-left corner comes to lie on the canvas's, at (-0.5, -0.5).
    extra = matrices.compose(
        matrices.shift(-0.5, -0.5),
        matrices.compose(
            ((factor, 0.0, 0.0), (0.0, factor, 0.0), (0.0, 0.0, 1.0)),
            matrices.shift(-moved.x1, -moved.y1),
        ),
    )
    canvas.draw_onto(size, extra, "expand_to_fit_affine")


def _up(length: float, multiple: int) -> int:
    return max(1, math.ceil(length / multiple)) * multiple


def _within(width: float, height: float, params: ExpandToFitAffineParams) -> Size:
    """Whole blocks in about these proportions, no more than `max_pixels` in all."""
    block = params.multiple
    most = params.max_pixels // block**2
    factor = math.sqrt(params.max_pixels / (width * height))
    columns = min(max(1, math.floor(width * factor / block)), most)
    rows = min(max(1, math.floor(height * factor / block)), most // columns)
    return columns * block, rows * block
