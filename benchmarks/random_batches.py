"""Samples of random tokens and pixels of chosen lengths, and how far two backward passes are apart.

What is timed with them depends on shapes alone; that both sides see the same numbers is what the
comparison checks first.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sightwright.chat import ChatTokenizer
from sightwright.data.dataset import Sample
from sightwright.data.encode import Encoded, Place
from sightwright.data.sizes import Grid, grid_tokens
from sightwright.model.parts import part_of
from sightwright.vision import VisionSpec

ANSWER_SHARE = 0.2
"""Supervised tokens of a sample: near the 250 of 1,550 of a page with its JSON."""
FIRST_TEXT_ID = 20
"""Control tokens of the tiny model are below."""


def spread_lengths(number: int, shortest: int, longest: int, padding: float) -> list[int]:
    """Lengths from shortest to longest that fill all but `padding` of a rectangle.

    >>> spread_lengths(5, 256, 1024, 0.5)
    [256, 270, 346, 569, 1024]

    Raises:
        ValueError: no such lengths.
    """
    steps = [index / (number - 1) for index in range(number)]

    def lengths(power: float) -> list[int]:
        return [round(shortest + (longest - shortest) * step**power) for step in steps]

    low, high = 0.01, 100.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if padding_of(lengths(middle)) < padding else (low, middle)
    if abs(padding_of(found := lengths(high)) - padding) > 0.005:
        raise ValueError(f"{number} lengths of {shortest} to {longest} cannot leave {padding}")
    return found


def padding_of(lengths: Sequence[int]) -> float:
    """The share of a padded batch that is padding."""
    return 1 - sum(lengths) / (len(lengths) * max(lengths))


def random_samples(
    lengths: Sequence[int],
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
    grid: Grid | None = None,
    seed: int = 0,
) -> list[Sample]:
    """Samples whose last tokens are supervised.

    Args:
        grid: of the one image that each begins with; None for text alone.
    """
    draw = torch.Generator().manual_seed(seed)
    return [_sample(length, tokenizer, spec, grid, draw) for length in lengths]


def _sample(
    length: int,
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
    grid: Grid | None,
    draw: torch.Generator,
) -> Sample:
    ids = torch.randint(FIRST_TEXT_ID, tokenizer.vocab_size, (length,), generator=draw).tolist()
    grids, patches = (), ()
    if grid is not None:
        pads = grid_tokens(grid, spec)
        image = [tokenizer.vision_start, *[tokenizer.image_pad] * pads, tokenizer.vision_end]
        ids[: len(image)] = image
        shape = (grid[0] * grid[1] * grid[2], 3 * spec.patch_size**2)
        patches = (torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw),)
        grids = (grid,)
    answer = round(ANSWER_SHARE * length)
    supervised = [False] * (length - answer) + [True] * answer
    starts, images = [1] * len(grids), ("",) * len(grids)
    return Sample(Encoded(ids, supervised, starts, grids, images, Place("random", 0)), patches)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def farthest_apart(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Of all parts of the model, the greatest difference of the gradients over their length; nan
    if anything is."""
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    squares: dict[str, list[float]] = {}
    for name, gradient in expected.items():
        part = squares.setdefault(part_of(name), [0.0, 0.0])
        part[0] += float((found[name] - gradient).double().square().sum())
        part[1] += float(gradient.double().square().sum())
    # Python's max would pass over a nan.
    return float(np.max([(apart / length) ** 0.5 for apart, length in squares.values()]))
