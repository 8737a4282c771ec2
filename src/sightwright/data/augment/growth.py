"""How large an image may become, known before it is opened: batches are planned by it."""

import math

from sightwright.config.sections.augmentation_ops import (
    ExpandToFitAffine,
    PadToMultiple,
    RandomCrop,
    ResizeByScale,
    RoiCrop,
    Step,
)
from sightwright.data.augment.curriculum import strengthened
from sightwright.data.augment.pipeline import Pipeline

_SETS_SIZE = (ResizeByScale, ExpandToFitAffine, PadToMultiple, RandomCrop, RoiCrop)


def changes_size(pipeline: Pipeline) -> bool:
    """Whether an image may come out in another size than it went in."""
    return any(isinstance(step, _SETS_SIZE) for step in pipeline.steps)


def most_blocks(pipeline: Pipeline, width: float, height: float, block: int) -> int:
    """The most blocks of `block` x `block` pixels that cover an image of this size afterwards.

    A cut is taken to leave the whole, and a curriculum to be at its strongest.
    """
    schedule = pipeline.schedule
    every = [pipeline.steps]
    if schedule is not None:
        every = [strengthened(pipeline.steps, strengths) for strengths in schedule.reached]
    return max(_most_blocks(steps, width, height, block) for steps in every)


def _most_blocks(steps: tuple[Step, ...], width: float, height: float, block: int) -> int:
    most = 0
    for step in steps:
        match step:
            case ResizeByScale(params=params):
                factor = max(params.hi if params.scales is None else max(params.scales), 1.0)
                width = _up(width * factor, params.align_multiple)
                height = _up(height * factor, params.align_multiple)
            case PadToMultiple(params=params):
                width, height = _up(width, params.multiple), _up(height, params.multiple)
            case ExpandToFitAffine(params=params):
                # Whatever was turned and stretched, the canvas has no more pixels than this.
                most = math.ceil(params.max_pixels / block**2)
            case _:
                pass
    return max(most, math.ceil(width / block) * math.ceil(height / block))


def _up(length: float, multiple: int) -> int:
    return math.ceil(length / multiple) * multiple
