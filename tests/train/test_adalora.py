"""Ranks are cut to the budget, a run goes on from a checkpoint, too short a run is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import peft
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel
from whole_runs import Kill, WriteRun, checkpoints_of, in_child, log_of

from sightwright.config.load import load_text
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ConfigError, ModelError
from sightwright.model.adapters import load_adapter, prepare_model
from sightwright.train.adalora import (
    FILE,
    AdaLoraRanks,
    orthogonality,
    rank_callbacks,
    require_room,
)
from sightwright.train.sharding import WHOLE, Sharding
from sightwright.train.trainer import SftTrainer

TUNER = Tuner(
    train_type="adalora",
    target_modules=("q_proj", "v_proj"),
    adalora_init_r=4,
    adalora_target_r=2,
    lora_dropout=0.0,
)
NUM_MODULES = 8


def ranks_left(model: nn.Module) -> list[int]:
    return [int((p != 0).sum()) for name, p in model.named_parameters() if ".lora_E." in name]


def trained(make_trainer: Callable[..., SftTrainer], tuner: Tuner, steps: int) -> PeftModel:
    trainer = make_trainer(["yes", "no"], tuner=tuner, max_steps=steps)
    trainer.add_callback(AdaLoraRanks())
    trainer.train()
    assert isinstance(trainer.model, PeftModel)
    return trainer.model


def test_ranks_are_cut_to_the_budget(make_trainer: Callable[..., SftTrainer]) -> None:
    model = trained(make_trainer, TUNER, 6)
    left = ranks_left(model)
    assert sum(left) == 2 * NUM_MODULES
    # The budget is shared by what matters, not by number.
    assert len(set(left)) > 1
    settings = model.peft_config["default"]
    assert settings.total_step == 6 and settings.rank_pattern is None


def test_ranks_stay_whole_at_first_and_as_cut_at_last(
    make_trainer: Callable[..., SftTrainer],
) -> None:
    tuner = TUNER.model_copy(update={"adalora_tinit": 2, "adalora_tfinal": 3})
    seen: list[list[int]] = []

    class Look(AdaLoraRanks):
        def on_step_end(self, args, state, control, model=None, **_):  # type: ignore[no-untyped-def]
            seen.append(ranks_left(model))

    trainer = make_trainer(["yes", "no"], tuner=tuner, max_steps=8)
    trainer.add_callback(Look())
    trainer.train()
    assert [sum(left) for left in seen[:2]] == [4 * NUM_MODULES] * 2
    assert sum(seen[4]) == 2 * NUM_MODULES and seen[4:] == [seen[4]] * 4


def test_what_was_cut_is_saved_as_zeros(
    make_trainer: Callable[..., SftTrainer], tmp_path: Path, tiny_folder: Path
) -> None:
    from sightwright.model.load import load_model

    model = trained(make_trainer, TUNER, 4).eval()
    model.save_pretrained(tmp_path / "adapter")
    shapes = {t.shape for n, t in load_file(tmp_path / "adapter/adapter_model.safetensors").items()
              if n.endswith("lora_E")}  # fmt: skip
    assert shapes == {(4, 1)}
    again = load_adapter(load_model(tiny_folder, "float32", device="cpu"), tmp_path / "adapter")
    assert ranks_left(again) == ranks_left(model)
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        torch.testing.assert_close(again(input_ids=ids).logits, model(input_ids=ids).logits)


def test_the_distance_from_orthogonal_by_hand() -> None:
    model = nn.ModuleDict()
    layer = nn.Module()
    # AAᵀ - I = diag(3, -1); BᵀB - I = 0.
    layer.lora_A = nn.ParameterDict({"default": torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])})
    layer.lora_B = nn.ParameterDict({"default": torch.eye(2)})
    model["q_proj"] = layer
    assert orthogonality(model).item() == pytest.approx(10**0.5 / 2)


def test_the_penalty_is_that_of_peft(base_model: PreTrainedModel) -> None:
    """PEFT adds it to the loss that the model returns; gradients of the factors come from it alone
    while lora_E is zero, which the loss cannot see through."""
    model = prepare_model(base_model, TUNER)
    ids = torch.arange(20, 40)[None]
    model(input_ids=ids, labels=ids).loss.backward()
    named = {n: p for n, p in model.named_parameters() if ".lora_A." in n or ".lora_B." in n}
    expected = {name: p.grad.clone() for name, p in named.items()}
    model.zero_grad()
    (TUNER.adalora_orth_reg_weight * orthogonality(model)).backward()
    for name, parameter in named.items():
        torch.testing.assert_close(parameter.grad, expected[name])
        assert parameter.grad.any()


@pytest.mark.parametrize(
    ("tinit", "tfinal", "steps"), [(0, 0, 1), (0, 9, 10), (5, 5, 10), (10, 0, 10)]
)
def test_a_run_without_a_step_to_cut_in_is_refused(tinit: int, tfinal: int, steps: int) -> None:
    settings = peft.AdaLoraConfig(tinit=tinit, tfinal=tfinal, total_step=100)
    with pytest.raises(ConfigError, match=f"a run of {steps} steps leaves AdaLoRA none"):
        require_room(settings, steps)


def test_the_shortest_run_that_can_cut(make_trainer: Callable[..., SftTrainer]) -> None:
    assert sum(ranks_left(trained(make_trainer, TUNER, 2))) == 2 * NUM_MODULES


def test_other_runs_have_no_ranks_and_shards_are_refused() -> None:
    assert rank_callbacks(load_text("").config, WHOLE, None) == []
    config = load_text("tuner: {train_type: adalora}").config
    assert len(rank_callbacks(config, WHOLE, None)) == 1
    with pytest.raises(ConfigError, match="which fsdp shards"):
        rank_callbacks(config, Sharding("fsdp"), None)


SECTIONS: dict[str, dict[str, object]] = {
    "tuner": {
        "train_type": "adalora",
        "target_modules": ["q_proj", "v_proj"],
        "adalora_init_r": 4,
        "adalora_target_r": 2,
        "adalora_tfinal": 2,
    },
    "eval": {"generate": False},
    "data": {"dataloader_num_workers": 0},
}


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(write_run: WriteRun) -> None:
    whole, again = write_run(**SECTIONS), write_run(**SECTIONS)
    assert in_child(whole) == 0
    # While ranks are cut, and when they are fixed.
    for step in (5, 9):
        assert in_child(again, Kill(step, "step")) != 0
    assert in_child(again) == 0
    runs = [config.parent / "out" for config in (whole, again)]
    assert log_of(runs[0]) == log_of(runs[1])
    assert checkpoints_of(runs[0]) == checkpoints_of(runs[1])
    for name in checkpoints_of(runs[0]):
        for file in ("adapter_model.safetensors", FILE):
            assert (runs[0] / name / file).read_bytes() == (runs[1] / name / file).read_bytes()
    settings = json.loads((runs[0] / "checkpoint-8/adapter_config.json").read_text())
    assert settings["total_step"] == 9 and settings["rank_pattern"] is None


def test_a_checkpoint_without_what_ranks_matter_is_refused(
    make_trainer: Callable[..., SftTrainer], tmp_path: Path
) -> None:
    trainer = make_trainer(["yes", "no"], tuner=TUNER, max_steps=4, save_steps=2,
                           save_strategy="steps")  # fmt: skip
    trainer.add_callback(AdaLoraRanks())
    trainer.train()
    checkpoint = tmp_path / "run/checkpoint-2"
    trainer.remove_callback(AdaLoraRanks)
    trainer.add_callback(AdaLoraRanks(checkpoint))
    with pytest.raises(ModelError, match=f"no {FILE}"):
        trainer.train(resume_from_checkpoint=str(checkpoint))
