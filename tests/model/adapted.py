"""What tests of adapters do to a model, and ask of it."""

from pathlib import Path

import torch
from transformers import PreTrainedModel

from sightwright.model.load import load_model


def trainable(model: torch.nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


def fill(model: torch.nn.Module, seed: int = 0) -> None:
    """Give every trainable parameter a value of its own, as training would."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.1)


def fresh(folder: Path) -> PreTrainedModel:
    return load_model(folder, "float32", device="cpu")


def logits(model: torch.nn.Module) -> torch.Tensor:
    ids = torch.arange(20, 60).view(2, 20)
    with torch.no_grad():
        return model(input_ids=ids).logits
