"""Milliseconds of the frozen ViT a page, forward alone: ours against transformers' own."""

from __future__ import annotations

from collections.abc import Callable

import torch
import transformers
from torch import Tensor

from benchmarks.gpu.models import random_model
from benchmarks.gpu.samples import Pages, collate, draw_samples
from benchmarks.gpu.steps import to_device
from benchmarks.gpu.timing import seconds_of
from sightwright.data.pixels import to_pixel_values
from sightwright.model.attention import attend_by_document
from sightwright.model.qwen3_vl import CLASSES, compile_layers
from sightwright.vision import PixelPolicy, VisionSpec

NUM_PAGES = (1, 8, 32)


def compare_vits(size: str, pages: Pages, device: torch.device, compiled: bool) -> list[dict]:
    """A row for each number of pages."""
    ours = random_model(CLASSES["qwen3_vl"], size, device).eval()
    attend_by_document(ours)
    stock = random_model(transformers.Qwen3VLForConditionalGeneration, size, device).eval()
    if compiled:
        compile_layers(ours)
    return [_row(ours, stock, number, pages, device) for number in NUM_PAGES]


def _row(ours: object, stock: object, number: int, pages: Pages, device: torch.device) -> dict:
    model: transformers.PreTrainedModel = ours  # type: ignore[assignment]
    samples = draw_samples(pages, 10**9, model.config, most=number)
    batch = to_device(collate(samples, "padding_free", model.config), device)
    floats = to_pixel_values(batch["patches"], VisionSpec(PixelPolicy(1024, 2**24)))
    floats = floats.to(model.dtype)

    def look() -> Tensor:
        seen = model.model.visual(
            batch["patches"], grid_thw=batch["image_grid_thw"], **batch["vision"]
        )
        return seen.pooler_output

    def look_as_stock() -> Tensor:
        visual = stock.model.visual  # type: ignore[attr-defined]
        return visual(floats, grid_thw=batch["image_grid_thw"]).pooler_output

    with torch.no_grad():
        likeness = torch.cosine_similarity(look().float(), look_as_stock().float()).min().item()
        times = {name: _milliseconds(work, number, device)
                 for name, work in (("ours", look), ("transformers", look_as_stock))}  # fmt: skip
    tokens = len(batch["image_index"]) // number
    return {"pages": number, "tokens_a_page": tokens, "least_cosine": likeness} | times


def _milliseconds(work: Callable[[], object], number: int, device: torch.device) -> float:
    return 1000 * seconds_of(work, device) / number
