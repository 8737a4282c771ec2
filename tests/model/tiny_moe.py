"""A tiny mixture-of-experts Qwen3-VL of random weights: the packaged model's pages, tokenizer and
vision settings, four experts a layer.

    from model.tiny_moe import tiny_moe, write_tiny_moe   # from tests elsewhere
"""

import shutil
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    PreTrainedModel,
    Qwen3VLMoeConfig,
    Qwen3VLMoeForConditionalGeneration,
)

from sightwright.model.load import resolve_folder

_TEXT = {
    "model_type": "qwen3_vl_moe_text",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "intermediate_size": 96,
    "moe_intermediate_size": 48,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "decoder_sparse_step": 1,
    "norm_topk_prob": True,
    "initializer_range": 0.07,
}
_TOKENS = (
    "image_token_id",
    "video_token_id",
    "vision_start_token_id",
    "vision_end_token_id",
    "pad_token_id",
    "eos_token_id",
)


def tiny_moe(
    *, seed: int = 0, dense_layers: tuple[int, ...] = (), tied: bool = False
) -> PreTrainedModel:
    """A model in float32, in evaluation mode; the same weights for the same seed.

    Args:
        dense_layers: those with an ordinary MLP in place of experts.
        tied: head and embedding are one tensor (no Qwen3-VL MoE is so).
    """
    dense = AutoConfig.from_pretrained(resolve_folder("tiny")).to_dict()
    text = dense["text_config"] | _TEXT | {"mlp_only_layers": list(dense_layers)}
    vision = dense["vision_config"] | {"model_type": "qwen3_vl_moe_vision", "out_hidden_size": 64}
    config = Qwen3VLMoeConfig(
        text_config=text | {"tie_word_embeddings": tied},
        vision_config=vision,
        tie_word_embeddings=tied,
        **{key: dense[key] for key in _TOKENS},
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen3VLMoeForConditionalGeneration(config).float().eval()


def write_tiny_moe(folder: Path, *, seed: int = 0) -> Path:
    """A whole base model at `folder`: weights, and the packaged tokenizer and processor files."""
    tiny_moe(seed=seed).save_pretrained(folder)
    for file in sorted(resolve_folder("tiny").iterdir()):
        if not (folder / file.name).exists() and file.suffix in (".json", ".jinja"):
            shutil.copy(file, folder / file.name)
    return folder
