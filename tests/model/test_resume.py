"""A stage starts from the weights of the one before."""

import json
from pathlib import Path

import pytest
import torch

from model.adapted import fill, fresh, logits, trainable
from model.tiny_moe import tiny_moe
from sightwright.config.load import load_text
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapters import load_adapter, prepare_model
from sightwright.model.parts import part_of

SNIPPETS = Path(__file__).parents[1] / "config/snippets"
QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")


def test_the_documents_two_stages(tmp_path: Path, tiny_folder: Path) -> None:
    """Stage 1 adapts the aligner alone, stage 2 goes on with it and starts on the LLM."""
    one, two = (
        load_text((SNIPPETS / f"{name}.yaml").read_text()).config.tuner
        for name in ("stage_1_aligner", "stage_2_llm_and_aligner")
    )
    first = prepare_model(fresh(tiny_folder), one)
    assert {part_of(name) for name in trainable(first)} == {"aligner"}
    fill(first)
    first.save_pretrained(tmp_path)
    second = prepare_model(
        fresh(tiny_folder), two.model_copy(update={"resume_from_checkpoint": str(tmp_path)})
    )
    assert {part_of(name) for name in trainable(second)} == {"aligner", "llm"}
    found, now = dict(first.named_parameters()), dict(second.named_parameters())
    assert all(torch.equal(found[name], now[name]) for name in trainable(first))
    begun = [name for name in trainable(second) - trainable(first) if ".lora_B." in name]
    assert begun and not any(now[name].any() for name in begun)


def test_stage_two_takes_up_the_adapter_of_stage_one(tiny_folder: Path, tmp_path: Path) -> None:
    tuner = Tuner(freeze_llm=True, freeze_aligner=False, lora_dropout=0.0)
    stage_one = prepare_model(fresh(tiny_folder), tuner)
    fill(stage_one)
    stage_one.save_pretrained(tmp_path)
    expected = logits(stage_one)
    stage_two = prepare_model(
        fresh(tiny_folder),
        Tuner(target_modules=QKVO, lora_dropout=0.0),
        resume_from=tmp_path,
    )
    # The aligner's adapters are found there, so they go on; the language model's start fresh.
    assert {part_of(name) for name in trainable(stage_two)} == {"aligner", "llm"}
    one, two = dict(stage_one.named_parameters()), dict(stage_two.named_parameters())
    for name in trainable(stage_one):
        assert torch.equal(one[name], two[name]), name
    begun = trainable(stage_two) - trainable(stage_one)
    assert all(not two[name].any() for name in begun if ".lora_B." in name)
    torch.testing.assert_close(logits(stage_two), expected, rtol=0, atol=0)


def test_a_module_does_not_get_an_adapter_and_a_copy(tiny_folder: Path, tmp_path: Path) -> None:
    aligner = Tuner(freeze_llm=True, freeze_aligner=False)
    prepare_model(fresh(tiny_folder), aligner).save_pretrained(str(tmp_path))
    tuner = Tuner(modules_to_save=("aligner",))
    with pytest.raises(ModelError, match=r"train in full: model\.visual\..*merger.*\n.*merge it"):
        prepare_model(fresh(tiny_folder), tuner, resume_from=tmp_path)


def test_the_checkpoint_that_the_tuner_names_is_the_default(
    tiny_folder: Path, tmp_path: Path
) -> None:
    first = prepare_model(fresh(tiny_folder), Tuner())
    fill(first)
    first.save_pretrained(tmp_path)
    tuner = Tuner(resume_from_checkpoint=str(tmp_path))
    second = prepare_model(fresh(tiny_folder), tuner)
    one, two = dict(first.named_parameters()), dict(second.named_parameters())
    assert all(torch.equal(one[name], two[name]) for name in trainable(first))


def test_stage_two_takes_up_the_weights_of_a_full_stage_one(
    tiny_folder: Path, tmp_path: Path
) -> None:
    stage_one = prepare_model(
        fresh(tiny_folder),
        Tuner(train_type="full", freeze_llm=True, freeze_aligner=False),
    )
    fill(stage_one)
    stage_one.save_pretrained(tmp_path)
    stage_two = prepare_model(fresh(tiny_folder), Tuner(), resume_from=tmp_path)
    base = stage_two.get_base_model().model.visual.merger
    assert torch.equal(base.linear_fc1.weight, stage_one.model.visual.merger.linear_fc1.weight)
    assert {part_of(name) for name in trainable(stage_two)} == {"llm"}


def test_modules_saved_in_full_are_taken_up_by_their_short_names_too(
    tiny_folder: Path, tmp_path: Path
) -> None:
    tuner = Tuner(freeze_llm=True, target_regex="^$", modules_to_save=("visual.merger",))
    first = prepare_model(fresh(tiny_folder), tuner)
    fill(first)
    first.save_pretrained(tmp_path)
    config = tmp_path / "adapter_config.json"
    content = json.loads(config.read_text())
    assert content["modules_to_save"] == ["model.visual.merger"]
    config.write_text(json.dumps(content | {"modules_to_save": ["merger"]}))
    second = prepare_model(fresh(tiny_folder), Tuner(), resume_from=tmp_path)
    assert {part_of(name) for name in trainable(second)} == {"aligner", "llm"}
    one, two = dict(first.named_parameters()), dict(second.named_parameters())
    assert all(torch.equal(one[name], two[name]) for name in trainable(first))


def test_adapters_of_experts_go_on_too(tmp_path: Path) -> None:
    experts = ("experts.gate_up_proj", "experts.down_proj")
    one = Tuner(target_modules=("q_proj",), target_parameters=experts, lora_dropout=0.0)
    stage_one = prepare_model(tiny_moe(), one)
    fill(stage_one)
    stage_one.save_pretrained(tmp_path)
    stage_two = prepare_model(
        tiny_moe(), Tuner(target_modules=("q_proj", "v_proj"), lora_dropout=0.0),
        resume_from=tmp_path,
    )  # fmt: skip
    assert trainable(stage_two) > trainable(stage_one)
    torch.testing.assert_close(logits(stage_two), logits(stage_one))
    # Two adapters of one module are told apart by their order, which a third would change.
    single = one.model_copy(update={"target_parameters": experts[1:]})
    prepare_model(tiny_moe(), single).save_pretrained(tmp_path / "single")
    with pytest.raises(ModelError, match=r"target_parameters \['experts.down_proj'\] there"):
        prepare_model(tiny_moe(), one, resume_from=tmp_path / "single")


def test_a_checkpoint_that_does_not_fit_is_an_error(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        prepare_model(fresh(tiny_folder), Tuner(), resume_from=tmp_path / "absent")
    with pytest.raises(ModelError, match="neither an adapter nor model weights"):
        prepare_model(fresh(tiny_folder), Tuner(), resume_from=tmp_path)
    prepare_model(fresh(tiny_folder), Tuner()).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="r 16 there, 8 here"):
        prepare_model(fresh(tiny_folder), Tuner(lora_rank=8), resume_from=tmp_path)
    with pytest.raises(ModelError, match="holds an adapter"):
        prepare_model(fresh(tiny_folder), Tuner(train_type="full"), resume_from=tmp_path)
    with pytest.raises(ModelError, match="init_weights"):
        prepare_model(fresh(tiny_folder), Tuner(init_weights="pissa"), resume_from=tmp_path)
    with pytest.raises(ModelError, match="no folder"):
        load_adapter(fresh(tiny_folder), tmp_path / "absent")
