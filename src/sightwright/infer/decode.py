"""A batch in the making: prompts prefilled with their images, then one token a row and step.

Rows are padded on the left and carry their own mRoPE positions, so a row's numbers do not depend on
its neighbours. Rows leave the batch when they are done.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from sightwright.data.pixels import PixelBatch


class Decoding:
    """The keys, values and positions of the rows still being answered.

    Args:
        model: a Qwen3-VL, plain or under PEFT.
        prompts: token ids of each row, images expanded to their pads.
        pixels: the images of all rows, in order.
        image_pad, padding: token ids.
    """

    def __init__(
        self,
        model: nn.Module,
        prompts: Sequence[Sequence[int]],
        pixels: PixelBatch,
        *,
        image_pad: int,
        padding: int,
    ) -> None:
        self._model = model
        self._base = unwrapped(model)
        self._device = self._base.get_input_embeddings().weight.device
        self._cache_name = _cache_name(self._base)
        self._cache = DynamicCache(config=self._base.config.get_text_config())
        ids, mask = _left_padded(prompts, padding, self._device)
        self._ids = ids
        self._types = (ids == image_pad).int()
        self._pixels = pixels
        self._lengths = mask.sum(1)
        # Without padding no mask is needed, and attention takes its faster road.
        self._mask = None if bool(mask.all()) else mask
        self._offsets = torch.zeros_like(self._lengths)

    def prefill(self) -> Tensor:
        """Read the prompts. Returns the next token's logits, float [rows, vocabulary]."""
        inputs: dict[str, Any] = {"mm_token_type_ids": self._types}
        if len(self._pixels.image_grid_thw):
            inputs["pixel_values"] = self._pixels.pixel_values.to(self._device)
            inputs["image_grid_thw"] = self._pixels.image_grid_thw.to(self._device)
        return self._forward(self._ids, self._prompt_positions(), **inputs)

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Append one token to each row. Returns the next logits, float [rows, vocabulary]."""
        ids = torch.tensor(tokens, device=self._device)[:, None]
        if self._mask is not None:
            self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
        # Text row first, then time, height and width, which are equal for text.
        text, vision = self._lengths, self._lengths + self._offsets
        positions = torch.stack([text, vision, vision, vision])[..., None]
        self._lengths = self._lengths + 1
        return self._forward(ids, positions)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone."""
        index = torch.tensor(rows, device=self._device)
        self._cache.batch_select_indices(index)
        self._lengths, self._offsets = self._lengths[index], self._offsets[index]
        if self._mask is not None:
            self._mask = self._mask[index]

    def _prompt_positions(self) -> Tensor:
        """[4, rows, tokens]: text positions, then mRoPE's time, height and width."""
        mask = torch.ones_like(self._ids) if self._mask is None else self._mask
        grids = self._pixels.image_grid_thw.to(self._device)
        vision, offsets = self._base.model.get_rope_index(
            self._ids,
            mm_token_type_ids=self._types,
            image_grid_thw=grids if len(grids) else None,
            attention_mask=mask,
        )
        self._offsets = offsets[:, 0]
        text = (mask.cumsum(1) - 1).clamp(min=0)
        return torch.cat([text[None], vision])

    def _forward(self, ids: Tensor, positions: Tensor, **inputs: Any) -> Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
            **{self._cache_name: self._cache},
            **inputs,
        )
        return output.logits[:, -1].float()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every module goes back to the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def unwrapped(model: nn.Module) -> Any:
    """The Qwen3-VL itself, without PEFT's wrapper."""
    unwrap = getattr(model, "get_base_model", None)
    return cast("Any", unwrap() if unwrap is not None else model)


def _cache_name(base: Any) -> str:
    """What the model calls its keys and values: transformers 5.24 renamed them."""
    names = inspect.signature(base.forward).parameters
    return "cache" if "cache" in names else "past_key_values"


def _left_padded(
    prompts: Sequence[Sequence[int]], padding: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), padding)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)
