"""Milliseconds of the frozen ViT a page, forward alone: ours against transformers' own."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from torch import Tensor

from benchmarks.gpu.models import random_model
from benchmarks.gpu.samples import Pages, collate, draw_samples
from benchmarks.gpu.steps import stock_model
from benchmarks.gpu.timing import one_turn
from benchmarks.gpu.turns import to_device
from sightwright.data.pixels import to_pixel_values
from sightwright.model.attention import attend_by_document
from sightwright.model.qwen3_vl import CLASSES, compile_layers
from sightwright.vision import PixelPolicy, VisionSpec

NUM_PAGES = (1, 8, 32)
TURNS, WARM_TURNS = 5, 2
LEAST_COSINE = {torch.float32: 0.9999, torch.bfloat16: 0.995}
"""Of a token's features. Pages of the tiny model that see each other come to 0.97."""


def compare_vits(size: str, pages: Pages, device: torch.device, compiled: bool) -> list[dict]:
    """A row for each number of pages.

    Raises:
        AssertionError: the two do not see the same.
    """
    ours = random_model(CLASSES["qwen3_vl"], size, device).eval()
    attend_by_document(ours)
    stock = stock_model(size, device).eval()
    if compiled:
        compile_layers(ours)
    return [_row(ours, stock, number, pages, device) for number in NUM_PAGES]


def _row(
    ours: transformers.PreTrainedModel, stock: Any, number: int, pages: Pages, device: torch.device
) -> dict[str, Any]:
    samples = draw_samples(pages, 10**9, ours.config, most=number)
    batch = to_device(collate(samples, "padding_free", ours.config), device)
    floats = to_pixel_values(batch["patches"], VisionSpec(PixelPolicy(1024, 2**24)))
    floats = floats.to(ours.dtype)

    def look() -> Tensor:
        seen = ours.model.visual(
            batch["patches"], grid_thw=batch["image_grid_thw"], **batch["vision"]
        )
        return seen.pooler_output

    def look_as_stock() -> Tensor:
        return stock.model.visual(floats, grid_thw=batch["image_grid_thw"]).pooler_output

    with torch.no_grad():
        likeness = torch.cosine_similarity(look().float(), look_as_stock().float()).min().item()
        assert likeness >= LEAST_COSINE[ours.dtype], f"other features: a cosine of {likeness}"
        times = _in_turns({"ours": look, "transformers": look_as_stock}, device)
    tokens = len(batch["image_index"]) // number
    found = {"pages": number, "tokens_a_page": tokens, "least_cosine": likeness}
    return found | {name: 1000 * seconds / number for name, seconds in times.items()}


def _in_turns(ways: Mapping[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
    """The median of each, after the turns that do not count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(WARM_TURNS + TURNS):
        for name, work in ways.items():
            seconds = one_turn(work, device)
            if turn >= WARM_TURNS:
                taken[name].append(seconds)
    return {name: statistics.median(each) for name, each in taken.items()}
