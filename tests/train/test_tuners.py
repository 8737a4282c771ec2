"""Every train_type through a step: the same loss and gradients however a batch is laid out, and
what is saved is what was trained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel, Qwen3VLForConditionalGeneration, TrainerCallback

from model.tiny_moe import write_tiny_moe
from sightwright.config.sections.quantization import Quantization
from sightwright.config.sections.tuner import Tuner
from sightwright.export.merge import merge
from sightwright.model.adapter_kinds import quiet_peft
from sightwright.model.adapters import load_adapter
from sightwright.model.load import load_model
from sightwright.model.parts import part_of
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

ANSWERS = ["yes", "a much longer answer than the others", "no"]
EVERYWHERE = {"freeze_vit": False, "freeze_aligner": False, "lora_dropout": 0.0, "lora_rank": 4}
STARTS = ("orthogonal", "pissa", "olora", "mica")
KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    **{start: {"init_weights": start} for start in STARTS},
    "random, with biases": {"init_weights": False, "lora_bias": "all"},
    "patch embedding": {"target_modules": ("patch_embed.proj", "q_proj", "linear_fc1")},
    "adalora": {"train_type": "adalora", "adalora_init_r": 4, "adalora_target_r": 2},
    "boft": {"train_type": "boft", "boft_block_size": 0, "boft_block_num": 8},
    "fourierft": {"train_type": "fourierft", "fourier_n_frequency": 300},
    "vera": {"train_type": "vera", "vera_rank": 16},
    "full": {"train_type": "full"},
    "lora and a full aligner": {"freeze_vit": True, "modules_to_save": ("aligner",)},
    "lora and a full vit": {"freeze_aligner": True, "modules_to_save": ("vit",)},
    "lora and a full llm": {"modules_to_save": ("llm",)},
}
LEARNING = {
    "lora and a full aligner": {"aligner", "llm"},
    "lora and a full vit": {"vit", "llm"},
}
MOE_KINDS = {
    "experts": {"target_parameters": ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")},
    "head and embeddings": {"target_modules": ("q_proj", "lm_head", "all-embedding")},
    **{kind: KINDS[kind] for kind in ("adalora", "vera", "full")},
}
# A head and an embedding that are one tensor in the base.
APART = {
    "an adapter on the embedding": {"target_modules": ("all-embedding",)},
    "an adapter on the head": {"target_modules": ("q_proj", "lm_head")},
    "on each its own, by dora": {"target_modules": ("all-embedding", "lm_head"), "use_dora": True},
    "the embedding in full": {"modules_to_save": ("embed_tokens",)},
    "the head in full": {"modules_to_save": ("lm_head",)},
    "both in full": {"target_regex": "^$", "modules_to_save": ("embed_tokens", "lm_head")},
    "boft on the head": {**KINDS["boft"], "target_modules": ("lm_head",)},
}
NAMES = {"embeddings": "embed", "lm_head": "lm_head"}


def tuner_of(kind: str) -> Tuner:
    return Tuner.model_validate({**EVERYWHERE, **KINDS[kind]})


class Keep(TrainerCallback):
    """The gradients of the first step, before the optimiser uses them."""

    def __init__(self) -> None:
        self.gradients: dict[str, Tensor] = {}

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):  # type: ignore[no-untyped-def]
        self.gradients = self.gradients or {
            name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
        }


def one_step(
    make_trainer: MakeTrainer, base: PreTrainedModel, tuner: Tuner, layout: str
) -> tuple[SftTrainer, dict[str, Tensor]]:
    keep = Keep()
    torch.manual_seed(0)
    trainer = make_trainer(
        ANSWERS, base=base, tuner=tuner, layout=layout, per_device_train_batch_size=3,
        max_grad_norm=0.0, save_strategy="steps" if layout == "padding_free" else "no",
    )  # fmt: skip
    trainer.add_callback(keep)
    trainer.train()
    return trainer, keep.gradients


def assert_same_step(
    make_trainer: MakeTrainer, folder: Path, tuner: Tuner
) -> tuple[SftTrainer, dict[str, Tensor]]:
    """One step on a padded and on a padding-free batch of the same records; the latter's trainer
    and gradients."""
    padded, expected = one_step(make_trainer, fresh(folder), tuner, "padded")
    free, gradients = one_step(make_trainer, fresh(folder), tuner, "padding_free")
    losses = [trainer.state.log_history[0]["loss"] for trainer in (padded, free)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert gradients.keys() == expected.keys()
    for part in {part_of(name) for name in gradients}:
        names = [name for name in gradients if part_of(name) == part]
        size = torch.stack([expected[name].norm() for name in names]).norm()
        apart = torch.stack([(gradients[name] - expected[name]).norm() for name in names]).norm()
        assert apart <= 1e-5 * size, part
    return free, gradients


def assert_saved_as_trained(trainer: SftTrainer, folder: Path, checkpoint: Path) -> None:
    """The checkpoint on a fresh base answers as the model in memory does."""
    model = cast("nn.Module", trainer.model).eval()
    whole = (checkpoint / "model.safetensors").exists()
    assert (checkpoint / "adapter_model.safetensors").exists() != whole
    assert (checkpoint / "adapter_config.json").exists() != whole
    assert whole != isinstance(model, PeftModel)
    again = fresh(checkpoint) if whole else load_adapter(fresh(folder), checkpoint)
    ids = torch.arange(20, 60).view(2, 20)
    with torch.no_grad():
        torch.testing.assert_close(again(input_ids=ids).logits, model(input_ids=ids).logits)


def fresh(folder: Path) -> PreTrainedModel:
    return load_model(folder, "float32", device="cpu")


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_the_same_in_both_layouts_and_is_what_is_saved(
    kind: str, make_trainer: MakeTrainer, tiny_folder: Path, tmp_path: Path
) -> None:
    trainer, gradients = assert_same_step(make_trainer, tiny_folder, tuner_of(kind))
    assert {part_of(name) for name in gradients} >= LEARNING.get(kind, {"vit", "aligner", "llm"})
    assert_saved_as_trained(trainer, tiny_folder, tmp_path / "run/checkpoint-1")


@pytest.mark.parametrize("kind", MOE_KINDS)
def test_a_mixture_of_experts_learns_through_every_kind(
    kind: str, make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    folder = write_tiny_moe(tmp_path / "moe")
    tuner = Tuner.model_validate({**EVERYWHERE, **MOE_KINDS[kind]})
    trainer, gradients = assert_same_step(make_trainer, folder, tuner)
    assert any(".experts." in name for name in gradients) == (kind in ("experts", "full"))
    assert_saved_as_trained(trainer, folder, tmp_path / "run/checkpoint-1")


@pytest.mark.parametrize("kind", APART)
def test_a_tied_head_that_learns_apart_is_the_same_trained_reloaded_and_merged(
    kind: str, make_trainer: MakeTrainer, tiny_folder: Path, tmp_path: Path
) -> None:
    tuner = Tuner.model_validate({"lora_dropout": 0.0, "lora_rank": 4, **APART[kind]})
    trainer, gradients = assert_same_step(make_trainer, tiny_folder, tuner)
    ends = {"embeddings", "lm_head"}
    named = {part for part in ends if NAMES[part] in str(APART[kind])}
    assert {part_of(name) for name in gradients} & ends == named
    checkpoint = tmp_path / "run/checkpoint-1"
    ids = torch.arange(20, 60).view(2, 20)
    base = Qwen3VLForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32)
    merge(checkpoint, tmp_path / "merged", base="tiny")
    merged = Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "merged")
    assert merged.config.tie_word_embeddings is False
    with torch.no_grad(), quiet_peft():
        untrained = base(input_ids=ids).logits
        trained = cast("nn.Module", trainer.model).eval()(input_ids=ids).logits
        alone = PeftModel.from_pretrained(base, checkpoint)(input_ids=ids).logits
        torch.testing.assert_close(alone, trained)
        torch.testing.assert_close(merged(input_ids=ids).logits, trained, rtol=1e-4, atol=1e-4)
    assert (trained - untrained).abs().max() > 0.02


def test_whole_weights_of_a_tied_head_stay_tied(
    make_trainer: MakeTrainer, tiny_folder: Path, tmp_path: Path
) -> None:
    trainer, _ = one_step(make_trainer, fresh(tiny_folder), tuner_of("full"), "padding_free")
    model = cast("PreTrainedModel", trainer.model)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    checkpoint = tmp_path / "run/checkpoint-1"
    with safe_open(checkpoint / "model.safetensors", framework="np") as opened:
        assert "lm_head.weight" not in opened.keys()  # noqa: SIM118  safe_open is no mapping
    assert json.loads((checkpoint / "config.json").read_text())["tie_word_embeddings"] is True


@pytest.mark.quant
def test_a_base_of_four_bits_learns_through_lora(
    make_trainer: MakeTrainer, tiny_folder: Path, tmp_path: Path
) -> None:
    def quantised() -> PreTrainedModel:
        four_bit = Quantization(quant_bits=4)
        return load_model(tiny_folder, "float32", device="cpu", quantization=four_bit)

    trainer = make_trainer(
        ANSWERS, base=quantised(), tuner=Tuner(train_type="qlora", lora_dropout=0.0),
        save_strategy="steps",
    )  # fmt: skip
    trainer.train()
    model = cast("nn.Module", trainer.model).eval()
    again = load_adapter(quantised(), tmp_path / "run/checkpoint-1")
    ids = torch.arange(20, 60).view(2, 20)
    with torch.no_grad():
        torch.testing.assert_close(again(input_ids=ids).logits, model(input_ids=ids).logits)
