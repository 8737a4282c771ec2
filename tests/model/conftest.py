"""Small Qwen3-VL models: the packaged one, and a MoE of the same shape built from its config."""

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel, Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

from sightwright.model.load import load_model, resolve_folder


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    return resolve_folder("tiny")


@pytest.fixture
def dense(tiny_folder: Path) -> PreTrainedModel:
    return load_model(tiny_folder, "float32", device="cpu")


@pytest.fixture
def moe(tiny_folder: Path) -> PreTrainedModel:
    """The tiny shape with four experts a layer, two of them at a time, and a head of its own."""
    dense = load_model(tiny_folder, "float32", device="cpu").config.to_dict()
    text = dense["text_config"] | {
        "model_type": "qwen3_vl_moe_text",
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [0],
        "num_hidden_layers": 2,
    }
    vision = dense["vision_config"] | {"model_type": "qwen3_vl_moe_vision"}
    kept = {key: dense[key] for key in ("image_token_id", "video_token_id")}
    kept |= {key: dense[key] for key in ("vision_start_token_id", "vision_end_token_id")}
    torch.manual_seed(0)
    config = Qwen3VLMoeConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=False, **kept
    )
    return Qwen3VLMoeForConditionalGeneration(config).float().eval()
