"""What a sample costs, from its tokens and grids: the most that augmentation may make of it."""

import pytest

from sightwright.config.load import load_text
from sightwright.data.augment.pipeline import Pipeline
from sightwright.data.encode import Encoded, Place
from sightwright.data.measure import cost_of
from sightwright.sampling.measures import vision_work
from sightwright.vision import PixelPolicy, VisionSpec

SPEC = VisionSpec(PixelPolicy(32 * 32, 64 * 32 * 32))


def encoded(length: int, *grids: tuple[int, int, int]) -> Encoded:
    return Encoded([0] * length, [False] * length, [0] * len(grids), grids, (), Place("a", 0))


def pipeline(ops: str) -> Pipeline:
    text = f"custom: {{augmentation: {{enabled: true, ops: [{ops}]}}}}"
    settings = load_text(text).config.custom.effective_augmentation
    assert settings is not None
    return Pipeline.of(settings)


def test_a_text_and_images_as_they_are() -> None:
    assert cost_of(encoded(50), SPEC) == (50, 0)
    # 12 x 8 patches are 24 tokens of the LLM, counted in the length already.
    assert cost_of(encoded(50, (1, 12, 8), (1, 4, 4)), SPEC) == (50, vision_work(96) + 16)
    assert cost_of(encoded(50, (1, 12, 8)), SPEC, pipeline("{name: gamma}")) == (50, 97)


@pytest.mark.parametrize(
    ("ops", "tokens"),
    [
        # The image may be half a block larger than its 6 x 4: 208 x 144, cut or not, 7 x 5.
        ("{name: random_crop}", 35),
        # Twice as large 416 x 288: 13 x 9, and the budget takes 64.
        ("{name: resize_by_scale, params: {scales: [2.0]}}", 64),
        # 312 x 216, aligned to 320 x 224: 10 x 7 are over it, too.
        ("{name: resize_by_scale, params: {scales: [1.5]}}", 64),
        # 229 x 158, aligned to 256 x 160.
        ("{name: resize_by_scale, params: {scales: [1.1]}}", 8 * 5),
    ],
)
def test_an_image_is_as_large_as_it_may_come(ops: str, tokens: int) -> None:
    cost = cost_of(encoded(50, (1, 12, 8)), SPEC, pipeline(ops))
    assert cost == (50 - 24 + tokens, vision_work(4 * tokens))


def test_an_image_that_is_at_the_budget_stays_there() -> None:
    grid = (1, 16, 16)
    for ops in ("{name: random_crop}", "{name: resize_by_scale, params: {scales: [2.0]}}"):
        assert cost_of(encoded(100, grid), SPEC, pipeline(ops)) == (100, vision_work(256))
