"""A page image → the patches that the model takes, against transformers' image processor; and from
the cache, against making them anew.

transformers has another processor, on torchvision, which cannot be installed beside this torch; it
is about twice as fast as the one on Pillow that is measured here."""

import io
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from benchmarks.alternating import Comparison, compare
from sightwright.data.patch_cache import PatchCache
from sightwright.data.pixels import image_inputs, image_patches
from sightwright.images import open_image
from sightwright.vision import PixelPolicy, VisionSpec

POLICY = PixelPolicy(min_pixels=4 * 32 * 32, max_pixels=1280 * 32 * 32)


def run() -> list[Comparison]:
    """A4 at 150 dpi, 1240 x 1754 px, in noise: resized to 960 x 1344 and cut up."""
    pixels = np.random.default_rng(0).integers(0, 256, (1754, 1240, 3), dtype=np.uint8)
    page = Image.fromarray(pixels)
    spec = VisionSpec(POLICY)
    processor = Qwen2VLImageProcessorPil(
        patch_size=16,
        merge_size=2,
        temporal_patch_size=2,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size={"shortest_edge": POLICY.min_pixels, "longest_edge": POLICY.max_pixels},
    )
    ours = image_inputs([page], spec)
    theirs = processor([page], return_tensors="pt")
    assert torch.equal(ours.image_grid_thw, theirs["image_grid_thw"])
    # The two resamplers differ by at most 2 of 255 levels; normalised, a level is 1/127.5.
    difference = (ours.pixel_values - theirs["pixel_values"]).abs().max().item() * 127.5
    assert difference <= 2.01, difference
    alike = f"the same grid; no pixel differs by more than {difference:.2f} of 255 levels"

    def measured(title: str, ours: Callable[[], object]) -> Comparison:
        return compare(
            title,
            ours,
            lambda: processor([page], return_tensors="pt"),
            f"transformers {metadata.version('transformers')}, PIL processor",
            repeats=9,
            equality=alike,
        )

    return [
        measured("page to uint8 patches, as the collator does", lambda: image_patches(page, spec)),
        measured("page to normalised patches", lambda: image_inputs([page], spec)),
        *(compare_cache(page, spec, kind) for kind in ("JPEG", "PNG")),
    ]


def compare_cache(page: Image.Image, spec: VisionSpec, kind: str) -> Comparison:
    """The file of a page, read as patches where they are kept, and decoded and resized."""
    file = io.BytesIO()
    page.filter(ImageFilter.GaussianBlur(2)).save(file, kind, quality=90)
    data = file.getvalue()

    def made() -> torch.Tensor:
        return image_patches(open_image(data), spec)

    with tempfile.TemporaryDirectory() as folder:
        cache, counts = PatchCache.open(Path(folder), max_gb=1), Counter[str]()

        def kept() -> torch.Tensor:
            return cache.patches(data, spec, lambda: open_image(data), counts).patches

        assert torch.equal(kept(), made()) and torch.equal(kept(), made())
        done = compare(
            f"{kind} of {len(data) / 1e6:.1f} MB to uint8 patches: hashed, and read from the cache",
            kept,
            made,
            "decoded and resized anew",
            repeats=9,
            equality="the same patches",
        )
        assert counts["patch_cache: made"] == 1
    return done
