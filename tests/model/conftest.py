"""Small Qwen3-VL models: the packaged one, and a MoE of random weights."""

from pathlib import Path

import pytest
from transformers import PreTrainedModel

from model.tiny_moe import tiny_moe
from sightwright.model.load import load_model, resolve_folder


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    return resolve_folder("tiny")


@pytest.fixture
def dense(tiny_folder: Path) -> PreTrainedModel:
    return load_model(tiny_folder, "float32", device="cpu")


@pytest.fixture
def moe() -> PreTrainedModel:
    """Four experts in the second layer, an ordinary MLP in the first, and a head of its own."""
    return tiny_moe(dense_layers=(0,))
