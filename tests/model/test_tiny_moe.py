"""The tiny MoE that tests of several packages use is a base model like any other."""

from pathlib import Path

import torch

from model.tiny_moe import tiny_moe, write_tiny_moe
from sightwright.model.load import load_chat_tokenizer, load_model, load_vision_spec, model_type


def test_it_is_written_and_read_as_a_base_model(tmp_path: Path) -> None:
    folder = write_tiny_moe(tmp_path / "moe")
    assert model_type(folder) == "qwen3_vl_moe"
    assert load_vision_spec(folder).patch_size == 16
    model = load_model(folder, "float32", device="cpu")
    assert load_chat_tokenizer(folder).end_of_text < model.config.text_config.vocab_size
    same = tiny_moe()
    for (name, one), (_, other) in zip(
        model.state_dict().items(), same.state_dict().items(), strict=True
    ):
        assert torch.equal(one, other), name


def test_two_of_four_experts_answer_for_each_token() -> None:
    model = tiny_moe()
    experts = model.model.language_model.layers[1].mlp.experts
    # gate and up side by side: 4 experts of 64 → 2 times 48.
    assert experts.gate_up_proj.shape in {(4, 96, 64), (4, 64, 96)}
    gate = model.model.language_model.layers[0].mlp.gate
    assert gate.weight.shape == (4, 64) and model.config.text_config.num_experts_per_tok == 2
