"""Adapters of every kind on a tiny base, of random weights, and the logits of whatever has them.

from export.adapters import write_adapter, logits, ...
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, get_peft_model
from safetensors.torch import load_file
from torch import Tensor

from sightwright import certificate
from sightwright.certificate import Certificate
from sightwright.export import parity
from sightwright.model.load import (
    load_chat_tokenizer,
    load_model,
    load_vision_spec,
    resolve_folder,
)

TINY = resolve_folder("tiny")
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]


def write_adapter(
    folder: Path, config: PeftConfig, base: Path = TINY, *, noise: float = 0.05
) -> Path:
    """An adapter of random weights, the same every time, large enough that a forgotten term
    shows."""
    with warnings.catch_warnings(), torch.random.fork_rng():
        torch.manual_seed(0)
        # What PEFT advises of tied weights, BOFT's CUDA kernel, …: not what is tested.
        warnings.simplefilter("ignore")
        model = get_peft_model(load_model(base, "float32", device="cpu"), config)
        generator = torch.Generator().manual_seed(0)
        for parameter in model.parameters():
            if parameter.requires_grad:
                drawn = torch.randn(parameter.shape, generator=generator)
                parameter.data.add_(noise * drawn.to(parameter.dtype))
        model.save_pretrained(str(folder))
    certificate.write(folder, Certificate(base_model=str(base), pixels=None, task=None))
    return folder


def lora(folder: Path, base: Path = TINY, **settings: Any) -> Path:
    return write_adapter(folder, LoraConfig(**{"r": 4, "lora_alpha": 8, **settings}), base)


def all_tensors(folder: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    return tensors


def logits(model: Any) -> list[Tensor]:
    """Of three drawn inputs: one image, two, none. Every vocabulary here is the tiny one."""
    cases = parity.drawn_cases("What does it say?")
    return parity.logits_of(model, cases, load_chat_tokenizer(TINY), load_vision_spec(TINY))


def largest(values: Sequence[Tensor]) -> float:
    return max(value.abs().max().item() for value in values)


def difference(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    return largest([a - b for a, b in zip(ours, theirs, strict=True)])
