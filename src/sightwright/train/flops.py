"""Floating-point operations that a batch needs, and the rate of the device: what MFU is made of.

    MFU = operations of the batches since the last line of the log
          / (seconds since then × peak rate of a device × devices)

Operations follow from the model's configuration and the lengths of the samples alone; padding,
recomputation (gradient checkpointing) and the adapters' own forward are no work of the model. For
one sample of S tokens, A of them answers, with image patches N1, N2, …:

    layers      2·P·S forward; 2·P·S for the gradient of their input, where something in them or
                before them learns; 2·T·S for that of the T numbers that learn in them
    attention   2·S²·width·layers forward (causal: half of every pair), 2.5 times that backward
    head        as the layers, with vocabulary × width for P, and A for S
    ViT         as the layers, with N for S; attention 4·N²·width·blocks an image
    mergers     as the layers, with a token for every N / merge² patches

LoRA beside a frozen ViT is so about 4·P a token, a full fine-tune 6·P. A part in which a few layers
learn counts as if the gradient ran through all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sightwright.data.sizes import Grid
from sightwright.model.parts import PARTS, Part
from sightwright.model.parts_table import parts_table
from sightwright.model.tied_head import is_tied, learns_apart

_BACKWARD_OF_ATTENTION = 2.5

# Dense 16-bit matrix products a second, from the makers' data sheets, by whole words of a device's
# name (an RTX A4000 is no A40); the first that fits.
_PEAKS = {
    "GB200": 2500e12,
    "B200": 2250e12,
    "GH200": 989e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H800": 989e12,
    "H20": 148e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "A40": 150e12,
    "A10G": 70e12,
    "A10": 125e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


@dataclass(frozen=True)
class Sizes:
    """Numbers of a Qwen3-VL's configuration.

    Attributes:
        layers, head: weights that a token meets in the layers of the LLM (of a mixture, those of
            the experts it is sent to) and in the head.
        attention: width of all query heads × layers.
        vit, mergers: weights that a patch meets in the ViT, and a token in the mergers.
        vit_attention: width × blocks.
        patches_per_token: patches that a merger makes one token of.
    """

    layers: int
    head: int
    attention: int
    vit: int
    mergers: int
    vit_attention: int
    patches_per_token: int


def sizes_of(config: Any) -> Sizes:
    """
    Args:
        config: transformers' configuration of a dense or MoE Qwen3-VL.
    """
    text, vision = config.text_config, config.vision_config
    width, queries = text.hidden_size, text.num_attention_heads * text.head_dim
    keys = text.num_key_value_heads * text.head_dim
    attention = width * (2 * queries + 2 * keys)
    merge = vision.spatial_merge_size**2
    merged = vision.hidden_size * merge
    block = 4 * vision.hidden_size**2 + 2 * vision.hidden_size * vision.intermediate_size
    embed = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    return Sizes(
        layers=text.num_hidden_layers * attention
        + sum(_mlp(text, layer) for layer in range(text.num_hidden_layers)),
        head=text.vocab_size * width,
        attention=queries * text.num_hidden_layers,
        vit=vision.depth * block + embed * vision.hidden_size,
        mergers=(1 + len(vision.deepstack_visual_indexes))
        * merged
        * (merged + vision.out_hidden_size),
        vit_attention=vision.hidden_size * vision.depth,
        patches_per_token=merge,
    )


def _mlp(text: Any, layer: int) -> int:
    """Weights of the MLP of a layer that a token meets."""
    experts = getattr(text, "num_experts", 0)
    dense = layer in getattr(text, "mlp_only_layers", ())
    if not experts or dense or (layer + 1) % text.decoder_sparse_step:
        return 3 * text.hidden_size * text.intermediate_size
    met = text.num_experts_per_tok * 3 * text.hidden_size * text.moe_intermediate_size
    return met + experts * text.hidden_size  # the router


@dataclass(frozen=True)
class Flops:
    """Operations of a training step of one model.

    Attributes:
        learning: numbers that learn, by part.
    """

    sizes: Sizes
    learning: Mapping[Part, int]

    @classmethod
    def of(cls, model: nn.Module) -> Flops:
        found = {row.part: row.trainable for row in parts_table(model)}
        learning: dict[Part, int] = {part: found.get(part, 0) for part in PARTS}
        if is_tied(model) and not learns_apart(model):  # The table has both as embeddings.
            learning["lm_head"] = learning["embeddings"]
        return cls(sizes_of(model.config), learning)

    def of_batch(
        self, lengths: Sequence[int], grids: Sequence[Sequence[Grid]], num_answer_tokens: int
    ) -> float:
        """Forward and backward of a micro-batch.

        Args:
            lengths: tokens of each sample.
            grids: patches of the images of each sample.
        """
        images = [frames * rows * columns for each in grids for frames, rows, columns in each]
        return (
            self._llm(lengths)
            + self._head(num_answer_tokens)
            + self._vit(images)
            + self._mergers(sum(images) // self.sizes.patches_per_token)
        )

    def _llm(self, lengths: Sequence[int]) -> float:
        goes_back = self._learns("vit", "aligner", "embeddings", "llm")
        linear = _linear(sum(lengths), self.sizes.layers, self.learning["llm"], goes_back)
        pairs = sum(length**2 for length in lengths)
        return linear + 2 * pairs * self.sizes.attention * _with_backward(goes_back)

    def _head(self, num_answer_tokens: int) -> float:
        goes_back = self._learns("vit", "aligner", "embeddings", "llm")
        return _linear(num_answer_tokens, self.sizes.head, self.learning["lm_head"], goes_back)

    def _vit(self, images: Sequence[int]) -> float:
        goes_back = self._learns("vit")
        linear = _linear(sum(images), self.sizes.vit, self.learning["vit"], goes_back)
        pairs = sum(patches**2 for patches in images)
        return linear + 4 * pairs * self.sizes.vit_attention * _with_backward(goes_back)

    def _mergers(self, num_tokens: int) -> float:
        learns = self.learning["aligner"]
        adapted = 0 < learns < self.sizes.mergers // 2
        return _linear(num_tokens, self.sizes.mergers, learns, self._learns("vit") or adapted)

    def _learns(self, *parts: Part) -> bool:
        return any(self.learning[part] for part in parts)


def _linear(num_tokens: int, weights: int, learning: int, goes_back: bool) -> float:
    passes = weights * (2 if goes_back else 1) + min(learning, weights)
    return 2.0 * num_tokens * passes


def _with_backward(goes_back: bool) -> float:
    return 1 + _BACKWARD_OF_ATTENTION if goes_back else 1


def peak_rate(device: torch.device, half: bool) -> float | None:
    """Operations a second that a device is sold with; None for one that is not known.

    Args:
        half: arithmetic in 16 bits, which is what the data sheets' figures are of.
    """
    if device.type != "cuda" or not half:
        return None
    return peak_of(torch.cuda.get_device_name(device))


def peak_of(name: str) -> float | None:
    """
    >>> peak_of("NVIDIA H200")
    989000000000000.0
    """
    words = f" {name.replace('-', ' ')} "
    return next((peak for part, peak in _PEAKS.items() if f" {part} " in words), None)
