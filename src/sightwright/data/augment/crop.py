"""Operations that keep a part of the image, and the objects that are enough in it."""

import math
from dataclasses import dataclass

import numpy as np

from sightwright.config.sections.augmentation_ops import CropStep, RandomCrop
from sightwright.config.sections.augmentation_params import RandomCropParams, RoiCropParams
from sightwright.data.augment import matrices
from sightwright.data.augment.canvas import Canvas, Tracked
from sightwright.data.augment.matrices import Size
from sightwright.data.augment.report import Skipped
from sightwright.data.augment.shapes import Left, left_on
from sightwright.geometry import Box, Line, bounds, transform
from sightwright.metrics.descriptions import label_of


@dataclass(frozen=True, slots=True)
class Cut:
    """The part that is kept: its top-left pixel, its sides."""

    x: int
    y: int
    width: int
    height: int


def crop(canvas: Canvas, step: CropStep, rng: np.random.Generator) -> None:
    """Cut, unless a rule of the operation forbids this cut; then the reason is written down."""
    canvas.flush()
    if isinstance(step, RandomCrop):
        cut = _random_cut(step.params, canvas.size, rng)
    else:
        anchor = _anchor(canvas, step.params, rng)
        if anchor is None:
            canvas.log.skipped.append(Skipped(step.name, "no object of the anchor classes"))
            return
        cut = _cut_around(anchor, step.params, canvas.size, rng)
    _cut_out(canvas, cut, step)


def _random_cut(params: RandomCropParams, size: Size, rng: np.random.Generator) -> Cut:
    share, aspect = rng.uniform(*params.scale), rng.uniform(*params.aspect)
    width = _side(size[0] * math.sqrt(share * aspect), size[0])
    height = _side(size[1] * math.sqrt(share / aspect), size[1])
    x, y = rng.integers(0, (size[0] - width + 1, size[1] - height + 1))
    return Cut(int(x), int(y), width, height)


def _anchor(canvas: Canvas, params: RoiCropParams, rng: np.random.Generator) -> Box | None:
    wanted = params.anchor_classes
    found = [each for each in canvas.objects if not wanted or label_of(each.item.desc) in wanted]
    return bounds(found[rng.integers(len(found))].item.geometry) if found else None


def _cut_around(anchor: Box, params: RoiCropParams, size: Size, rng: np.random.Generator) -> Cut:
    """The anchor lies anywhere in it, wholly where it fits."""
    factor = rng.uniform(*params.scale)
    lows = (anchor.x1, anchor.y1)
    highs = (anchor.x2, anchor.y2)
    starts: list[int] = []
    sides: list[int] = []
    for low, high, whole in zip(lows, highs, size, strict=True):
        side = _side(max(params.min_size, (high - low + 1) * factor), whole)
        first = max(0, math.ceil(high) + 1 - side)
        last = min(whole - side, math.floor(low))
        starts.append(int(rng.integers(min(first, last), max(first, last) + 1)))
        sides.append(side)
    x, y = (
        min(max(start, 0), whole - side)
        for start, side, whole in zip(starts, sides, size, strict=True)
    )
    return Cut(x, y, sides[0], sides[1])


def _side(length: float, most: int) -> int:
    return min(max(1, round(length)), most)


def _cut_out(canvas: Canvas, cut: Cut, step: CropStep) -> None:
    matrix = matrices.shift(-cut.x, -cut.y)
    size = (cut.width, cut.height)
    left = [left_on(transform(each.item.geometry, matrix), size) for each in canvas.objects]
    kept: list[Tracked] = []
    lost: list[tuple[Tracked, str]] = []
    for each, part in zip(canvas.objects, left, strict=True):
        if part is None:
            lost.append((each, "lies wholly outside the cut"))
        elif part.coverage < step.params.min_coverage:
            lost.append((each, f"keeps {part.coverage:.0%} of itself, below min_coverage"))
        else:
            kept.append(each.seen_as(part, step.params.completeness))
    if reason := _forbidden(step, canvas.objects, left, len(kept)):
        canvas.log.skipped.append(Skipped(step.name, reason))
        return
    for each, why in lost:
        canvas.drop(each, step.name, why)
    canvas.log.applied.append(step.name)
    image = canvas.image.crop((cut.x, cut.y, cut.x + cut.width, cut.y + cut.height))
    canvas.set(image, matrix, kept)


def _forbidden(
    step: CropStep, objects: list[Tracked], left: list[Left | None], num_kept: int
) -> str:
    if isinstance(step, RandomCrop) and num_kept < step.params.min_objects:
        return "fewer than min_objects would be left"
    cut_lines = (
        isinstance(each.item.geometry, Line) and part is not None and part.coverage < 1
        for each, part in zip(objects, left, strict=True)
    )
    if step.params.skip_if_line and any(cut_lines):
        return "would cut through a line"
    return ""
