"""Learning rates by part and by matrix, decay and no decay, for every optimiser that is here."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from sightwright.config.load import load_text
from sightwright.config.sections.tuner import Tuner
from sightwright.model.adapters import prepare_model
from sightwright.train.optimizer import Rates, group_of, group_rows, rates_table
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

RATES = Rates(llm=1e-3, vit=1e-4, aligner=1e-2)
NO_GROUPS = {"rates": Rates(1e-3, 1e-3, 1e-3, by_part=False)}
WHOLE = Tuner(train_type="full", freeze_vit=False, freeze_aligner=False)
LORA = Tuner(lora_rank=4, lora_dropout=0.0, freeze_vit=False, freeze_aligner=False)


def rates_by_name(trainer: SftTrainer) -> dict[str, tuple[float, float]]:
    """Parameter → its rate and its decay, as the optimiser has them."""
    optimizer = trainer.create_optimizer()
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def test_every_parameter_has_the_rate_of_its_part(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(["a"], tuner=WHOLE, parts={"rates": RATES}, weight_decay=0.1)
    found = rates_by_name(trainer)
    learning = [name for name, p in trainer.model.named_parameters() if p.requires_grad]
    assert sorted(found) == sorted(learning)
    for name, (rate, decay) in found.items():
        if "visual.merger." in name or "deepstack_merger_list." in name:
            assert rate == 1e-2, name
        else:
            assert rate == (1e-4 if "visual" in name else 1e-3), name
        still = name.endswith("bias") or "norm" in name
        assert decay == (0.0 if still else 0.1), name
    assert found["model.language_model.embed_tokens.weight"] == (1e-3, 0.1)
    # The LLM's group is the first: its rate is logged as the run's.
    optimizer = trainer.optimizer
    assert optimizer.param_groups[0]["lr"] == optimizer.defaults["lr"] == 1e-3


def test_lora_plus_within_each_part(make_trainer: MakeTrainer) -> None:
    rates = Rates(llm=1e-3, vit=1e-4, aligner=1e-2, b_over_a=16)
    found = rates_by_name(make_trainer(["a"], tuner=LORA, parts={"rates": rates}))
    parts = {"vit": 1e-4, "aligner": 1e-2, "llm": 1e-3}
    for name, (rate, _) in found.items():
        wanted = parts[group_of(name, rates).part] * (16 if ".lora_B." in name else 1)
        assert rate == pytest.approx(wanted), name
    assert sorted({rate for rate, _ in found.values()}) == pytest.approx(
        [1e-4, 1e-3, 16e-4, 1e-2, 16e-3, 16e-2]
    )


def test_without_rates_of_their_own_transformers_groups_stay(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(["a"], tuner=WHOLE, parts=NO_GROUPS)
    assert [group["lr"] for group in trainer.create_optimizer().param_groups] == [1e-3, 1e-3]


@pytest.mark.parametrize(
    "optim", ["adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop"]
)
def test_each_optimiser_moves_each_part(make_trainer: MakeTrainer, optim: str) -> None:
    trainer = make_trainer(["a", "bc"], tuner=LORA, parts={"rates": RATES}, optim=optim)
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters() if "lora_B" in n}
    trainer.train()
    moved = {
        group_of(name, RATES).part
        for name, parameter in trainer.model.named_parameters()
        if name in before and not torch.equal(before[name], parameter)
    }
    assert moved == {"llm", "vit", "aligner"}
    line = trainer.state.log_history[0]
    assert (line["learning_rate"], line["vit_lr"], line["aligner_lr"]) == (1e-3, 1e-4, 1e-2)


@pytest.mark.gpu
def test_eight_bits(make_trainer: MakeTrainer) -> None:
    pytest.importorskip("bitsandbytes")
    trainer = make_trainer(
        ["a"], tuner=LORA, parts={"rates": RATES}, optim="adamw_8bit", use_cpu=False
    )
    trainer.train()
    assert trainer.state.log_history[0]["vit_lr"] == 1e-4


def test_a_schedule_lowers_all_parts_in_proportion(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(
        ["a", "bc"], tuner=LORA, parts={"rates": RATES}, max_steps=5,
        lr_scheduler_type="cosine_warmup_with_min_lr", lr_scheduler_kwargs={"min_lr": 1e-5},
        warmup_steps=2,
    )  # fmt: skip
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    rates = [line["learning_rate"] for line in lines]
    assert rates[1] == pytest.approx(1e-3)  # test vector T21: the end of the warmup
    assert rates[-1] == pytest.approx(1e-5)
    for line in lines:
        assert line["vit_lr"] == pytest.approx(line["learning_rate"] / 10)
        assert line["aligner_lr"] == pytest.approx(line["learning_rate"] * 10)


def test_a_part_that_does_not_learn_has_no_rate_in_the_log(make_trainer: MakeTrainer) -> None:
    aligner = Tuner(
        freeze_llm=True, target_regex="^$",
        modules_to_save=("model.visual.merger", "model.visual.deepstack_merger_list"),
    )  # fmt: skip
    trainer = make_trainer(["a"], tuner=aligner, parts={"rates": RATES})
    trainer.train()
    line = trainer.state.log_history[0]
    assert line["learning_rate"] == line["aligner_lr"] == 1e-2
    assert "vit_lr" not in line


def rates_of(text: str) -> Rates:
    return Rates.of(load_text(text).config)


def test_the_rates_of_a_yaml() -> None:
    plain = rates_of("training: {learning_rate: 2e-4}")
    assert (plain.llm, plain.vit, plain.aligner, plain.differ) == (2e-4, 2e-4, 2e-4, False)
    by_itself = rates_of("training: {learning_rate: 2e-4, vit_lr: 1e-4}")
    assert (by_itself.vit, by_itself.aligner, by_itself.by_part) == (1e-4, 2e-4, True)
    said = rates_of("training: {optimizer: multimodal, aligner_lr: 0}")
    assert (said.aligner, said.vit, said.by_part) == (0.0, 1e-4, True)
    plus = rates_of("tuner: {lorap_lr_ratio: 16}")
    assert (plus.b_over_a, plus.by_part, plus.differ) == (16, False, True)


@pytest.mark.parametrize("tuner", [WHOLE, LORA])
@pytest.mark.parametrize("rates", [RATES, Rates(1e-3, 1e-4, 1e-2, b_over_a=8)])
def test_the_table_is_what_the_optimiser_holds(
    make_trainer: MakeTrainer, tuner: Tuner, rates: Rates
) -> None:
    trainer = make_trainer(["a"], tuner=tuner, parts={"rates": rates}, weight_decay=0.1)
    rows = group_rows(trainer.model, rates, 0.1)
    groups = trainer.create_optimizer().param_groups
    assert sorted((r.rate, r.weight_decay, r.tensors, r.parameters) for r in rows) == sorted(
        (
            group["lr"],
            group["weight_decay"],
            len(group["params"]),
            sum(p.numel() for p in group["params"]),
        )
        for group in groups
    )
    assert rates_table(rows).row_count == len(rows)


def test_the_table_names_lora_plus(base_model: PreTrainedModel) -> None:
    model: nn.Module = prepare_model(base_model, Tuner(lora_rank=4))
    rows = group_rows(model, Rates(1e-4, 1e-4, 1e-4, b_over_a=16), 0.0)
    assert [(row.part, row.rate) for row in rows] == [
        ("llm", 1e-4),
        ("llm, LoRA B (× 16)", pytest.approx(16e-4)),
    ]


def test_rates_are_the_same_after_a_resume(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    saving = {"save_strategy": "steps", "save_steps": 2, "lr_scheduler_type": "linear"}
    first = make_trainer(["a"], tuner=LORA, parts={"rates": RATES}, max_steps=4, **saving)
    first.train()
    again = make_trainer(
        ["a"], prepare=False, base=first.model, parts={"rates": RATES}, max_steps=4, **saving
    )
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-2"))
    lines = [
        [(line["step"], line["vit_lr"]) for line in trainer.state.log_history if "vit_lr" in line]
        for trainer in (first, again)
    ]
    assert lines[0] == lines[1]
    assert lines[0][2:] == [(3, pytest.approx(5e-5)), (4, pytest.approx(2.5e-5))]
