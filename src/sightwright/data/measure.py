"""What a sample costs, from its tokens and grids alone: what a batch plan is made of."""

from sightwright.data.augment.growth import changes_size, most_blocks
from sightwright.data.augment.pipeline import Pipeline
from sightwright.data.encode import Encoded
from sightwright.data.sizes import Grid, grid_tokens
from sightwright.sampling.measures import vision_work
from sightwright.vision import VisionSpec


def cost_of(
    encoded: Encoded, spec: VisionSpec, pipeline: Pipeline | None = None
) -> tuple[int, int]:
    """Tokens and `vision_work` of a sample, its images as large as augmentation may make them.

    What augmentation does to the text is not known beforehand: an object that is cut off leaves
    less of it, a polygon that is clipped or an object that is copied some more.

    Args:
        pipeline: that the images go through; None leaves them as they are.
    """
    now = [grid_tokens(grid, spec) for grid in encoded.grids]
    most = now
    if pipeline is not None and changes_size(pipeline):
        most = [_most_tokens(grid, spec, pipeline) for grid in encoded.grids]
    work = sum(vision_work(count * spec.merge_size**2) for count in most)
    return encoded.length + sum(most) - sum(now), work


def _most_tokens(grid: Grid, spec: VisionSpec, pipeline: Pipeline) -> int:
    """Of an image on this grid, within the pixel budget that every image is resized to."""
    _, rows, columns = grid
    # The image itself may be half a block larger than its grid; where it is more than that, the
    # budget has made it smaller, and it holds whatever comes.
    height, width = ((side / spec.merge_size + 0.5) * spec.factor for side in (rows, columns))
    largest = spec.pixels.max_pixels // spec.factor**2
    return max(
        min(most_blocks(pipeline, width, height, spec.factor), largest), grid_tokens(grid, spec)
    )
