"""Qwen3-VL of real sizes with random weights: a step takes as long as with the published ones."""

from typing import Any

import torch
from transformers import PreTrainedModel, Qwen3VLConfig

from sightwright.model.load import resolve_folder

_COMMON_TEXT = {
    "vocab_size": 151936,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 262144,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 5_000_000.0,
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
    },
}
_COMMON_VISION = {"num_heads": 16, "patch_size": 16, "num_position_embeddings": 2304}
_SHAPES: dict[str, dict[str, Any]] = {
    "4b": {
        "text_config": _COMMON_TEXT
        | {"hidden_size": 2560, "intermediate_size": 9728, "tie_word_embeddings": True},
        "vision_config": _COMMON_VISION
        | {
            "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "out_hidden_size": 2560,
            "deepstack_visual_indexes": [5, 11, 17],
        },
        "tie_word_embeddings": True,
    },
    "8b": {
        "text_config": _COMMON_TEXT | {"hidden_size": 4096, "intermediate_size": 12288},
        "vision_config": _COMMON_VISION
        | {
            "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "out_hidden_size": 4096,
            "deepstack_visual_indexes": [8, 16, 24],
        },
        "tie_word_embeddings": False,
    },
}  # fmt: skip
SIZES = ("tiny", *_SHAPES)


def config_of(size: str) -> Qwen3VLConfig:
    """
    Args:
        size: of `SIZES`; `tiny` is the packaged model's shape.
    """
    if size == "tiny":
        return Qwen3VLConfig.from_pretrained(resolve_folder("tiny"))
    return Qwen3VLConfig(**_SHAPES[size])


def random_model(
    cls: type[PreTrainedModel], size: str, device: torch.device, attention: str = "sdpa"
) -> PreTrainedModel:
    """The same weights for every class of the same modules: drawn in the same order."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    torch.manual_seed(0)
    with device:
        model = cls._from_config(config_of(size), attn_implementation=attention, dtype=dtype)
    model.config.use_cache = False
    return model
