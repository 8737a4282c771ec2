"""Affine and projective operations: each draws its strength and gives a map."""

import numpy as np

from sightwright.config.sections.augmentation_ops import (
    AffineStep,
    Hflip,
    Perspective,
    Rotate,
    Scale,
    ScanSkew,
    Vflip,
)
from sightwright.data.augment import matrices
from sightwright.data.augment.matrices import Size
from sightwright.geometry import Matrix


def map_of(step: AffineStep, size: Size, rng: np.random.Generator) -> Matrix:
    """Where the pixels of a canvas go, by index."""
    match step:
        case Hflip():
            return matrices.hflip(size)
        case Vflip():
            return matrices.vflip(size)
        case Rotate(params=params) | ScanSkew(params=params):
            return matrices.rotate(rng.uniform(-params.max_deg, params.max_deg), size)
        case Scale(params=params):
            return matrices.scale(rng.uniform(params.lo, params.hi), size)
        case Perspective(params=params):
            return _perspective(params.max_shift, size, rng)


def _perspective(max_shift: float, size: Size, rng: np.random.Generator) -> Matrix:
    """Each corner of the image goes its own way."""
    corners = matrices.border(size)
    shifts = rng.uniform(-max_shift, max_shift, (4, 2)) * size
    moved = [
        (x + float(dx), y + float(dy)) for (x, y), (dx, dy) in zip(corners, shifts, strict=True)
    ]
    return matrices.projection(corners, moved)
