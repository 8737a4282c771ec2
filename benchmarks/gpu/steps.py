"""One LoRA step of a language model behind a frozen ViT, our way and as a user of the peers would.

Every way has the same weights, samples, adapters (rank 16 on all linear layers of the language
model) and optimiser (fused AdamW where there is a GPU), and no gradient checkpointing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

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
    """transformers' class and loss, a padded batch with labels: what HF Trainer runs."""

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
        return self.model(**inputs).loss


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
        ImportError: Liger is asked for and not installed.
    """
    model = random_model(transformers.Qwen3VLForConditionalGeneration, size, device)
    if liger:
        from liger_kernel.transformers import apply_liger_kernel_to_qwen3_vl

        apply_liger_kernel_to_qwen3_vl(model=model)
    settings = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=rf".*language_model\..*\.({_LINEAR})"
    )
    return Padded(get_peft_model(model, settings).train(), device)


class Turns:
    """A way's steps, batch after batch: copy to the device, forward, backward, update."""

    def __init__(self, way: Way, batches: Sequence[Sequence[Sample]]) -> None:
        self.way = way
        self.batches = [_pinned(way.inputs(samples), way.device) for samples in batches]
        self.done = 0
        learning = [each for each in way.model.parameters() if each.requires_grad]
        fused = way.device.type == "cuda"
        self._optimizer = torch.optim.AdamW(learning, lr=1e-4, fused=fused)

    def loss(self) -> Tensor:
        inputs = self.batches[self.done % len(self.batches)]
        return self.way.loss(to_device(inputs, self.way.device))

    def step(self) -> None:
        self.loss().backward()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.done += 1

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Our steps fail here if a layer is compiled again, or the program waits for the GPU."""
        if not isinstance(self.way, Ours):
            yield
            return
        with torch._dynamo.config.patch(error_on_recompile=True):
            if self.way.device.type == "cuda":
                torch.cuda.set_sync_debug_mode("error")
                self.step()
                torch.cuda.set_sync_debug_mode("default")
            yield


def _pinned(inputs: Inputs, device: torch.device) -> Inputs:
    """In memory that a GPU copies from by itself."""
    if device.type != "cuda":
        return inputs
    return {
        name: _pinned(value, device)
        if isinstance(value, dict)
        else (value.pin_memory() if isinstance(value, Tensor) else value)
        for name, value in inputs.items()
    }


def to_device(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: to_device(each, device) for name, each in value.items()}
    return value
