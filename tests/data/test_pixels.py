"""Our pixels against transformers' own image processor."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from sightwright.data.pixels import image_inputs, image_patches, image_tokens
from sightwright.data.sizes import grid_of
from sightwright.errors import ImageError
from sightwright.vision import PixelPolicy, VisionSpec

SPEC = VisionSpec(PixelPolicy(32 * 32, 64 * 32 * 32), mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def smooth(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 9 + c) * np.cos(y / 7 - c) for c in range(3)]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8))


def reference(images: list[Image.Image], spec: VisionSpec) -> dict[str, np.ndarray]:
    processor = Qwen2VLImageProcessorPil(
        patch_size=spec.patch_size,
        merge_size=spec.merge_size,
        temporal_patch_size=spec.temporal_patch_size,
        image_mean=list(spec.mean),
        image_std=list(spec.std),
        size={"shortest_edge": spec.pixels.min_pixels, "longest_edge": spec.pixels.max_pixels},
    )
    return processor.preprocess(images, return_tensors="np")


def test_on_the_grid_equals_transformers() -> None:
    images = [noise(64, 96), noise(128, 32, seed=1)]
    ours, theirs = image_inputs(images, SPEC), reference(images, SPEC)
    np.testing.assert_allclose(ours.pixel_values.numpy(), theirs["pixel_values"], atol=1e-6)
    assert ours.image_grid_thw.tolist() == theirs["image_grid_thw"].tolist()
    assert ours.pixel_values.shape == (6 * 4 + 2 * 8, 3 * 2 * 16 * 16)


@pytest.mark.parametrize("size", [(532, 728), (200, 190), (31, 40), (33, 500), (1240, 1754)])
def test_resize_is_within_two_levels_of_pillow(size: tuple[int, int]) -> None:
    image = smooth(*size)
    ours, theirs = image_inputs([image], SPEC), reference([image], SPEC)
    assert ours.image_grid_thw.tolist() == theirs["image_grid_thw"].tolist()
    smallest_std = min(SPEC.std)
    difference = np.abs(ours.pixel_values.numpy() - theirs["pixel_values"]).max()
    assert difference * 255 * smallest_std <= 2.0 + 1e-3


def test_tokens_follow_from_the_size_alone() -> None:
    wide = VisionSpec(PixelPolicy(32 * 32, 2**24))
    assert image_tokens(728, 532, wide) == 17 * 23
    assert grid_of(192, 192, SPEC) == (1, 12, 12)
    assert image_tokens(192, 192, SPEC) == 36
    assert len(image_patches(noise(200, 190), SPEC)) == 4 * image_tokens(200, 190, SPEC)


def test_grey_and_transparent_images_are_read_as_rgb() -> None:
    grey = image_patches(Image.new("L", (32, 32), 100), SPEC)
    assert grey.dtype == torch.uint8
    assert grey.unique().tolist() == [100]
    assert image_patches(Image.new("RGBA", (32, 32)), SPEC).shape == (4, 768)


def test_no_images_give_empty_tensors() -> None:
    batch = image_inputs([], SPEC)
    assert batch.pixel_values.shape == (0, 1536)
    assert batch.image_grid_thw.shape == (0, 3)


def test_a_sliver_is_refused() -> None:
    with pytest.raises(ImageError, match="200 times"):
        image_tokens(10_000, 10, SPEC)
