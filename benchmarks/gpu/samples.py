"""Pages, questions and answers as token ids: what an extraction run learns from, in size alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sightwright.data.collate import Batch, Collator, Layout
from sightwright.data.dataset import Sample
from sightwright.data.encode import Encoded, Place
from sightwright.vision import PixelPolicy, VisionSpec


@dataclass(frozen=True)
class Pages:
    """What is drawn.

    Attributes:
        page_sides: least and most merged rows, and columns, of a page: 26 to 38 are 676 to 1,444
            image tokens.
        question, answer: least and most tokens of each.
    """

    page_sides: tuple[int, int] = (26, 38)
    question: tuple[int, int] = (280, 320)
    answer: tuple[int, int] = (100, 500)


SMALL = Pages((2, 4), (8, 16), (8, 40))


def draw_samples(
    pages: Pages, num_tokens: int, config: object, seed: int = 0, most: int = 10**9
) -> list[Sample]:
    """So many samples as bring `num_tokens` together, the last one over it left out; at least one,
    and no more than `most`."""
    rng = np.random.default_rng(seed)
    samples: list[Sample] = []
    total = 0
    while len(samples) < most:
        sample = _draw(rng, pages, config, len(samples))
        total += sample.encoded.length
        if total > num_tokens and samples:
            return samples
        samples.append(sample)
    return samples


def _draw(rng: np.random.Generator, pages: Pages, config: object, index: int) -> Sample:
    low, high = pages.page_sides
    rows, columns = (int(side) for side in rng.integers(low, high + 1, 2))
    question, answer = (int(rng.integers(a, b + 1)) for a, b in (pages.question, pages.answer))
    words = config.text_config.vocab_size - 1  # type: ignore[attr-defined]
    pad: int = config.image_token_id  # type: ignore[attr-defined]
    text = [int(word) for word in rng.integers(100, words, question + answer)]
    ids = [*text[:4], *[pad] * (rows * columns), *text[4:]]
    supervised = [False] * (len(ids) - answer) + [True] * answer
    grid = (1, 2 * rows, 2 * columns)
    patches = rng.integers(0, 256, (grid[1] * grid[2], 3 * 16 * 16), dtype=np.uint8)
    encoded = Encoded(ids, supervised, [4], (grid,), ("page.png",), Place("drawn", index))
    return Sample(encoded, (torch.from_numpy(patches),))


def collate(samples: Sequence[Sample], layout: Layout, config: object) -> Batch:
    places: int = config.vision_config.num_position_embeddings  # type: ignore[attr-defined]
    spec = VisionSpec(PixelPolicy(1024, 2**24), num_position_embeddings=places)
    return Collator(layout, 0, spec)(samples)
