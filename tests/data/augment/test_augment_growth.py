"""No image comes out of the pipeline larger than is said of it before it is opened."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightwright.config.load import load_text
from sightwright.data.augment.curriculum import Progress
from sightwright.data.augment.growth import changes_size, most_blocks
from sightwright.data.augment.pipeline import Pipeline

BLOCK = 32


def pipeline(ops: str, more: str = "") -> Pipeline:
    text = f"custom: {{augmentation: {{enabled: true, bypass_prob: 0, ops: [{ops}]{more}}}}}"
    settings = load_text(text).config.custom.effective_augmentation
    assert settings is not None
    return Pipeline.of(settings)


SIZED = {
    "cut": "{name: random_crop, params: {prob: 1}}",
    "resized": "{name: resize_by_scale, params: {lo: 0.5, hi: 1.7, align_multiple: 20}}",
    "chosen": "{name: resize_by_scale, params: {scales: [0.5, 2.0]}}",
    "padded": "{name: rotate, params: {max_deg: 30, prob: 1}}, "
    "{name: pad_to_multiple, params: {multiple: 50}}",
    "expanded": "{name: scale, params: {lo: 0.5, hi: 2.0, prob: 1}}, "
    "{name: expand_to_fit_affine, params: {max_pixels: 20480}}",
    "several": "{name: resize_by_scale, params: {hi: 1.5}}, {name: random_crop}, "
    "{name: pad_to_multiple}",
}


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(sorted(SIZED)), st.integers(20, 260), st.integers(20, 260), st.integers(0, 9)
)
def test_no_image_outgrows_it(name: str, width: int, height: int, epoch: int) -> None:
    own = pipeline(SIZED[name])
    image = Image.fromarray(np.zeros((height, width, 3), dtype=np.uint8))
    grown = own.apply(image, seed=1, epoch=epoch, record_id="a").image
    blocks = -(-grown.width // BLOCK) * -(-grown.height // BLOCK)
    assert blocks <= most_blocks(own, width, height, BLOCK)


def test_worked_by_hand() -> None:
    # 100 x 60 times 1.5 is 150 x 90, up to 160 x 96: 5 x 3 blocks.
    assert most_blocks(pipeline("{name: resize_by_scale, params: {hi: 1.5}}"), 100, 60, 32) == 15
    # Made smaller it may also stay: 4 x 2, aligned to 128 x 64.
    shrinks = "{name: resize_by_scale, params: {lo: 0.5, hi: 0.8}}"
    assert most_blocks(pipeline(shrinks), 100, 60, 32) == 8
    assert (
        most_blocks(pipeline("{name: pad_to_multiple, params: {multiple: 200}}"), 100, 60, 32) == 49
    )
    # Whatever was turned, the canvas has at most so many pixels: 20480 are 20 blocks.
    expands = pipeline("{name: expand_to_fit_affine, params: {max_pixels: 20480}}")
    assert most_blocks(expands, 10, 10, 32) == 20
    assert most_blocks(pipeline("{name: random_crop}"), 100, 60, 32) == 8


@pytest.mark.parametrize(
    ("ops", "changes"),
    [("{name: hflip}", False), ("{name: rotate}, {name: gamma}", False)]
    + [(ops, True) for ops in SIZED.values()],
)
def test_which_pipelines_keep_the_size(ops: str, changes: bool) -> None:
    own = pipeline(ops)
    assert changes_size(own) == changes
    if not changes:
        image = Image.new("RGB", (90, 50))
        assert own.apply(image, seed=1, epoch=0, record_id="a").image.size == (90, 50)


def test_a_curriculum_is_taken_at_its_strongest() -> None:
    phases = (
        ", curriculum: {phases: [{until_percent: 50, ops: {resize_by_scale: {hi: 1.0}}}, "
        "{until_percent: 100, ops: {resize_by_scale: {hi: 2.0}}}]}"
    )
    own = pipeline("{name: resize_by_scale, params: {lo: 1.0, hi: 1.0}}", phases)
    assert most_blocks(own, 64, 64, 32) == 16
    image = Image.new("RGB", (64, 64))
    for share in (0.0, 0.7, 1.0):
        for epoch in range(5):
            progress = Progress(share)
            grown = own.apply(image, seed=1, epoch=epoch, record_id="a", progress=progress).image
            assert grown.width * grown.height <= 16 * 32 * 32
