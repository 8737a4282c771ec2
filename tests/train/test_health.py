"""The table before step 1 and the gradients after it."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from transformers import PreTrainedModel, TrainerControl, TrainerState

from sightwright.config.sections.tuner import Tuner
from sightwright.data.dataset import Lengths
from sightwright.errors import ModelError
from sightwright.model.adapters import prepare_model
from sightwright.model.load import load_model
from sightwright.model.parts_table import parts_table
from sightwright.train.health import (
    GradientCheck,
    HealthFacts,
    checks,
    health_table,
    moved_parts,
    refuse_idle,
    rounding_note,
)
from sightwright.train.trainer import SftTrainer

LENGTHS = Lengths([50, 70], [4, 0], [10, 20], [1, 0], [])
FACTS = HealthFacts("tiny", Tuner(lora_rank=4), 128, LENGTHS, ["a note"])


def test_the_table_says_what_the_documents_ask_for(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4))
    rows = parts_table(model)
    found = checks(FACTS, model)
    output = StringIO()
    Console(file=output, width=120).print(health_table(found, rows))
    text = output.getvalue()
    for part in ("base model", "tiny", "vision tokens", "1 records have no image", "1 images",
                 "70 tokens, under the limit of 128", "over-long records", "lora on llm", "a note",
                 "vLLM takes the adapter beside its base, --max-lora-rank 8",
                 "embeddings"):  # fmt: skip
        assert part in text
    assert [row.trainable > 0 for row in rows if row.part == "llm"] == [True]
    assert [row.trainable for row in rows if row.part in ("vit", "aligner")] == [0, 0]


def test_the_table_says_which_adapters_must_be_merged(base_model: PreTrainedModel) -> None:
    """Of the model as it is: settings alone would not show what stage 1 left behind."""
    model = prepare_model(base_model, Tuner(lora_rank=4, freeze_aligner=False))
    found = {check.name: check.finding for check in checks(FACTS, model)}
    assert found["serving"].startswith("only merged into its base: an adapter on aligner")


def test_what_stage_one_trained_in_full_is_told_in_stage_two(
    base_model: PreTrainedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    aligner = Tuner(
        lora_rank=4, freeze_llm=True, target_regex="^$", modules_to_save=("visual.merger",)
    )
    prepare_model(base_model, aligner).save_pretrained(tmp_path)
    base = load_model(tiny_folder, "float32", device="cpu")
    model = prepare_model(base, FACTS.tuner, resume_from=tmp_path)
    found = {check.name: check.finding for check in checks(FACTS, model)}
    assert found["serving"].startswith("only merged into its base: modules_to_save: aligner")
    assert found["what learns"].endswith("; in full: aligner")


def test_weights_of_32_bits_lose_nothing(base_model: PreTrainedModel) -> None:
    tuner = Tuner(target_regex="^$", modules_to_save=("visual.merger",))
    assert rounding_note(prepare_model(base_model, tuner)) is None


@pytest.mark.parametrize(("dtype", "parts"), [("bfloat16", 256), ("float16", 2048)])
def test_what_sixteen_bits_round_away_is_told_of(tiny_folder: Path, dtype: str, parts: int) -> None:
    """1 + 1/256 lies between two numbers of bfloat16, and is rounded to 1."""
    number = getattr(torch, dtype)
    assert torch.tensor(1 + 1 / parts, dtype=number) == 1
    assert torch.tensor(1 + 1.01 / parts, dtype=number) > 1
    base = load_model(tiny_folder, dtype, device="cpu")
    merger = sum(weight.numel() for weight in base.model.visual.merger.parameters())
    tuner = Tuner(target_regex="^$", modules_to_save=("visual.merger",))
    model = prepare_model(base, tuner)
    (note,) = [c.finding for c in checks(FACTS, model) if "16 bits" in c.finding]
    assert note.startswith(f"{merger:,} numbers learn as they are")
    assert f"below 1/{parts} of a number" in note
    sharded = replace(FACTS, keeps_fp32=True)
    assert not [c.finding for c in checks(sharded, model) if "16 bits" in c.finding]


@pytest.mark.parametrize(
    ("learning", "told"),
    [
        ({"target_modules": ("all-embedding",)}, True),
        ({"modules_to_save": ("lm_head",)}, True),
        ({}, False),
    ],
)
def test_what_becomes_of_a_tied_head_is_told(
    base_model: PreTrainedModel, learning: dict[str, Any], told: bool
) -> None:
    words = base_model.get_input_embeddings().weight
    model = prepare_model(base_model, Tuner(lora_rank=4, **learning))
    notes = [check.finding for check in checks(FACTS, model) if check.name == "note"]
    assert notes[0] == "a note" and len(notes) == 1 + told
    if told:
        assert f"{words.numel() * 4 / 1e6:,.1f} MB more" in notes[1]


def test_a_dropped_record_is_not_fine(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4))
    dropped = Lengths([50], [4], [10], [1], ["train.jsonl:2: too long"])
    facts = HealthFacts("tiny", Tuner(), 128, dropped, ())
    found = {check.name: check for check in checks(facts, model)}
    assert found["over-long records"].passed is False


def test_a_part_without_images_to_learn_from_is_named(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4, freeze_aligner=False))
    ids = torch.tensor([[5, 6, 7, 8]])
    model(input_ids=ids).logits.sum().backward()
    with pytest.raises(ModelError, match=r"no gradient reaches aligner.*\n.*image"):
        refuse_idle(moved_parts(model))


def test_a_gradient_in_a_frozen_part_is_named(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4))
    ids = torch.tensor([[5, 6, 7, 8]])
    model(input_ids=ids).logits.sum().backward()
    refuse_idle(moved_parts(model))
    frozen = model.get_input_embeddings().weight
    frozen.grad = torch.ones_like(frozen)
    with pytest.raises(ModelError, match=r"frozen parameters have a gradient.*embed_tokens"):
        moved_parts(model)


def test_adapters_stay_out_of_frozen_parts(make_trainer: Callable[..., SftTrainer]) -> None:
    tuner = Tuner(lora_rank=4, freeze_aligner=False)
    trainer = make_trainer(["a", "b"], tuner=tuner, per_device_train_batch_size=2)
    batch = next(iter(trainer.get_train_dataloader()))
    trainer._answer_loss(trainer.model, batch).total.backward()
    refuse_idle(moved_parts(trainer.model))
    names = [
        n for n, p in trainer.model.named_parameters() if p.grad is not None and ".visual." in n
    ]
    assert names
    assert all("merger" in name for name in names)


def test_a_resumed_run_is_not_looked_at_again(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4))
    look = GradientCheck().on_pre_optimizer_step
    look(None, TrainerState(global_step=3), TrainerControl(), model)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="no gradient reaches llm in step 1"):
        look(None, TrainerState(), TrainerControl(), model)  # type: ignore[arg-type]


def test_gradients_are_seen_as_they_come_where_none_are_left(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4, freeze_aligner=False))
    arguments = (None, TrainerState(), TrainerControl(), model)
    check = GradientCheck(on_the_way=True)
    check.on_train_begin(*arguments)  # type: ignore[arg-type]
    model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits.sum().backward()
    model.zero_grad()  # as DeepSpeed leaves it
    with pytest.raises(ModelError, match="no gradient reaches aligner in step 1"):
        check.on_pre_optimizer_step(*arguments)  # type: ignore[arg-type]


def test_gradients_that_came_and_went_are_gradients(base_model: PreTrainedModel) -> None:
    model = prepare_model(base_model, Tuner(lora_rank=4))
    arguments = (None, TrainerState(), TrainerControl(), model)
    check = GradientCheck(on_the_way=True)
    check.on_train_begin(*arguments)  # type: ignore[arg-type]
    model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits.sum().backward()
    model.zero_grad()
    check.on_pre_optimizer_step(*arguments)  # type: ignore[arg-type]
