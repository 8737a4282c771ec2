"""The loss of a LoRA step behind a frozen ViT, by us and by a user of transformers and PEFT.

Every way has the same weights, samples and adapters (rank 16 on all linear layers of the language
model), and no gradient checkpointing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol

import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers.integrations.liger import apply_liger_kernel
from transformers.utils.import_utils import is_flash_attn_2_available

from benchmarks.gpu.models import random_model
from benchmarks.gpu.samples import collate
from sightwright.config.sections.tuner import Tuner
from sightwright.data.collate import model_inputs
from sightwright.data.dataset import Sample
from sightwright.data.pixels import to_pixel_values
from sightwright.model.adapters import prepare_model
from sightwright.model.attention import attend_by_document
from sightwright.model.qwen3_vl import CLASSES, compile_layers
from sightwright.vision import PixelPolicy, VisionSpec

RANK, ALPHA = 16, 32
_LINEAR = "q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj"
_LIGER = ("liger-kernel", "transformers")
_PAGES = VisionSpec(PixelPolicy(1024, 2**24))

Inputs = dict[str, Any]


class Way(Protocol):
    """A model and how it is trained."""

    model: nn.Module
    device: torch.device

    def inputs(self, samples: Sequence[Sample]) -> Inputs:
        """What a loader's process makes of them, on the CPU: not timed."""
        ...

    def loss(self, inputs: Inputs) -> Tensor:
        """Mean over the answer tokens, of inputs on the device."""
        ...


@dataclass
class Ours:
    model: nn.Module
    device: torch.device

    def inputs(self, samples: Sequence[Sample]) -> Inputs:
        return model_inputs(collate(samples, "padding_free", self.model.config))

    def loss(self, inputs: Inputs) -> Tensor:
        return self.model(**inputs).total / len(inputs["answer_ids"])


@dataclass
class Padded:
    """transformers' class and loss on a padded batch with labels, as HF Trainer runs them.

    The trainer itself is left out, as ours is on our side: its logging, hooks and clipping would
    make this way slower and no other.
    """

    model: nn.Module
    device: torch.device

    def inputs(self, samples: Sequence[Sample]) -> Inputs:
        batch = collate(samples, "padded", self.model.config)
        inputs = {
            name: batch[name] for name in ("input_ids", "attention_mask", "mm_token_type_ids")
        }
        labels = torch.full_like(batch["input_ids"], -100).flatten()
        labels[batch["answer_index"] + 1] = batch["answer_ids"]
        return inputs | {
            "labels": labels.view_as(batch["input_ids"]),
            "pixel_values": to_pixel_values(batch["patches"], _PAGES),
            "image_grid_thw": batch["image_grid_thw"],
        }

    def loss(self, inputs: Inputs) -> Tensor:
        return self.model(**inputs, use_cache=False).loss


def ours(size: str, device: torch.device, compiled: bool) -> Ours:
    model = random_model(CLASSES["qwen3_vl"], size, device)
    attend_by_document(model)
    tuner = Tuner(lora_rank=RANK, lora_alpha=ALPHA, lora_dropout=0.0)
    prepared = prepare_model(model, tuner)
    if compiled:
        compile_layers(prepared)
    return Ours(prepared.train(), device)


def padded(size: str, device: torch.device, *, liger: bool = False) -> Padded:
    """
    Raises:
        ImportError: Liger is asked for and does not fit this transformers.
    """
    model = get_peft_model(stock_model(size, device), peers_adapter())
    if liger:
        use_liger(model)
    return Padded(model.train(), device)


def use_liger(model: nn.Module, settings: dict[str, Any] | None = None) -> None:
    """As a trainer with `use_liger_kernel` begins.

    Raises:
        ImportError: Liger does not fit this transformers.
    """
    try:
        apply_liger_kernel(model, settings)
    except ImportError as error:
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in _LIGER)
        raise ImportError(f"does not fit ({versions}): take another pair of them") from error


def stock_model(size: str, device: torch.device) -> Any:
    return random_model(
        transformers.Qwen3VLForConditionalGeneration, size, device, peers_attention(device)
    )


def peers_attention(device: torch.device) -> str:
    """The fastest that transformers has here."""
    flash = device.type == "cuda" and is_flash_attn_2_available()
    return "flash_attention_2" if flash else "sdpa"


def peers_adapter() -> LoraConfig:
    return LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=rf".*language_model\..*\.({_LINEAR})"
    )
