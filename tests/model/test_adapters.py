import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapters import (
    PartRow,
    is_prepared,
    load_adapter,
    parts_table,
    prepare_model,
)
from sightwright.model.load import load_model
from sightwright.model.parts import part_of

QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")


def trainable(model: torch.nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


def fill(model: torch.nn.Module, seed: int = 0) -> None:
    """Give every trainable parameter a value of its own, as training would."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.1)


def logits(model: torch.nn.Module) -> torch.Tensor:
    ids = torch.arange(20, 60).view(2, 20)
    with torch.no_grad():
        return model(input_ids=ids).logits


def test_lora_learns_in_the_modules_named_and_nowhere_else(dense: PreTrainedModel) -> None:
    model = prepare_model(dense, Tuner(target_modules=QKVO))
    names = trainable(model)
    assert names and all(".lora_A." in n or ".lora_B." in n for n in names)
    assert len(names) == 4 * 4 * 2
    assert {n.split(".lora_")[0].rsplit(".", 1)[1] for n in names} == set(QKVO)
    assert is_prepared(model) and isinstance(model, PeftModel)


def test_the_table_counts_by_hand(dense: PreTrainedModel) -> None:
    before = {row.part: row for row in parts_table(dense)}
    assert set(before) == {"vit", "aligner", "llm", "embeddings"}
    assert sum(row.parameters for row in before.values()) == dense.num_parameters()
    rows = {row.part: row for row in parts_table(prepare_model(dense, Tuner(target_modules=QKVO)))}
    # Rank 16 beside 128→128 (q, o) and 128→64 (k, v), in each of four layers.
    lora = 4 * 16 * (2 * (128 + 128) + 2 * (128 + 64))
    assert rows["llm"] == PartRow("llm", before["llm"].parameters + lora, lora, 16)
    frozen = [row for part, row in rows.items() if part != "llm"]
    assert all(row.trainable == row.modules == 0 for row in frozen)
    assert rows["vit"].parameters == before["vit"].parameters


def test_the_untrained_adapter_changes_nothing(dense: PreTrainedModel) -> None:
    expected = logits(dense)
    torch.testing.assert_close(logits(prepare_model(dense, Tuner())), expected, rtol=0, atol=0)


def test_settings_of_the_adapter_reach_peft(dense: PreTrainedModel) -> None:
    tuner = Tuner(
        target_modules=("q_proj",), lora_rank=4, lora_alpha=12, lora_dropout=0.1,
        use_rslora=True, use_dora=True, init_weights="gaussian", lora_dtype="bfloat16",
    )  # fmt: skip
    model = prepare_model(dense, tuner)
    config = model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout) == (4, 12, 0.1)
    assert config.use_rslora and config.use_dora and config.init_lora_weights == "gaussian"
    assert any("lora_magnitude_vector" in name for name in trainable(model))
    weights = {p.dtype for n, p in model.named_parameters() if ".lora_A." in n}
    assert weights == {torch.bfloat16}


def test_the_adapter_of_a_bfloat16_model_is_kept_in_float32(tiny_folder: Path) -> None:
    model = prepare_model(load_model(tiny_folder, "bfloat16", device="cpu"), Tuner())
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}


def test_full_training_honours_the_freeze_flags(dense: PreTrainedModel) -> None:
    tuner = Tuner(train_type="full", freeze_llm=True, freeze_aligner=False)
    model = prepare_model(dense, tuner)
    assert model is dense and is_prepared(model)
    assert {part_of(name) for name in trainable(model)} == {"aligner"}
    learning = {row.part for row in parts_table(model) if row.trainable}
    assert learning == {"aligner"}


def test_the_aligner_playbook_trains_the_mergers_in_full(
    dense: PreTrainedModel, tmp_path: Path, tiny_folder: Path
) -> None:
    merger = sum(p.numel() for p in dense.model.visual.merger.parameters())
    tuner = Tuner(
        freeze_llm=True,
        target_regex="^$",
        modules_to_save=("model.visual.merger", "model.visual.deepstack_merger_list.0"),
    )
    before = {row.part: row.parameters for row in parts_table(dense)}
    model = prepare_model(dense, tuner)
    rows = {row.part: row for row in parts_table(model)}
    saved = {name.split(".visual.")[1].split(".modules_to_save")[0] for name in trainable(model)}
    assert saved == {"merger", "deepstack_merger_list.0"}
    # The copy that learns is counted; the original that PEFT keeps beside it is not.
    assert rows["aligner"].parameters == before["aligner"]
    assert rows["aligner"].trainable > merger and rows["aligner"].modules == 2
    fill(model)
    model.save_pretrained(tmp_path)
    again = load_adapter(load_model(tiny_folder, "float32", device="cpu"), tmp_path)
    for (name, one), (_, other) in zip(
        sorted(model.state_dict().items()), sorted(again.state_dict().items()), strict=True
    ):
        assert torch.equal(one, other), name


def test_biases_learn_in_unfrozen_parts_alone(dense: PreTrainedModel) -> None:
    names = trainable(prepare_model(dense, Tuner(lora_bias="all", freeze_aligner=False)))
    biases = {part_of(name) for name in names if name.endswith(".bias")}
    assert biases == {"aligner"}


def test_experts_learn_through_target_parameters(moe: PreTrainedModel, tmp_path: Path) -> None:
    tuner = Tuner(target_modules=QKVO, target_parameters=("experts.down_proj",), lora_dropout=0.0)
    moe.save_pretrained(tmp_path / "base")
    model = prepare_model(moe, tuner)
    names = trainable(model)
    assert any(".experts." in name for name in names)
    assert {part_of(name) for name in names} == {"llm"}
    fill(model)
    model.save_pretrained(tmp_path / "adapter")
    again = prepare_model(
        load_model(tmp_path / "base", device="cpu"), tuner, resume_from=tmp_path / "adapter"
    )
    torch.testing.assert_close(logits(again), logits(model.eval()))


def test_parameters_that_match_nothing_are_an_error(moe: PreTrainedModel) -> None:
    tuner = Tuner(target_parameters=("experts.down",), lora_dropout=0.0)
    with pytest.raises(ModelError, match="matches no parameter") as caught:
        prepare_model(moe, tuner)
    assert "experts.down_proj" in str(caught.value)


def test_nothing_to_learn_is_an_error(dense: PreTrainedModel) -> None:
    tuner = Tuner.model_construct(**{**Tuner().model_dump(), "train_type": "full"})
    for key in ("freeze_llm", "freeze_vit", "freeze_aligner"):
        tuner = tuner.model_copy(update={key: True})
    with pytest.raises(ModelError, match="nothing would learn"):
        prepare_model(dense, tuner)
    assert not is_prepared(dense)


def test_other_train_types_are_refused_by_name(dense: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="'boft'"):
        prepare_model(dense, Tuner(train_type="boft"))


def test_stage_two_takes_up_the_adapter_of_stage_one(tiny_folder: Path, tmp_path: Path) -> None:
    stage_one = prepare_model(
        load_model(tiny_folder, "float32", device="cpu"),
        Tuner(freeze_llm=True, freeze_aligner=False, lora_dropout=0.0),
    )
    fill(stage_one)
    stage_one.save_pretrained(tmp_path)
    expected = logits(stage_one)
    stage_two = prepare_model(
        load_model(tiny_folder, "float32", device="cpu"),
        Tuner(target_modules=QKVO, lora_dropout=0.0),
        resume_from=tmp_path,
    )
    # The aligner's adapters are found there, so they go on; the language model's start fresh.
    assert {part_of(name) for name in trainable(stage_two)} == {"aligner", "llm"}
    one, two = dict(stage_one.named_parameters()), dict(stage_two.named_parameters())
    for name in trainable(stage_one):
        assert torch.equal(one[name], two[name]), name
    fresh = trainable(stage_two) - trainable(stage_one)
    assert all(not two[name].any() for name in fresh if ".lora_B." in name)
    torch.testing.assert_close(logits(stage_two), expected, rtol=0, atol=0)


def test_the_checkpoint_that_the_tuner_names_is_the_default(
    tiny_folder: Path, tmp_path: Path
) -> None:
    first = prepare_model(load_model(tiny_folder, "float32", device="cpu"), Tuner())
    fill(first)
    first.save_pretrained(tmp_path)
    tuner = Tuner(resume_from_checkpoint=str(tmp_path))
    second = prepare_model(load_model(tiny_folder, "float32", device="cpu"), tuner)
    one, two = dict(first.named_parameters()), dict(second.named_parameters())
    assert all(torch.equal(one[name], two[name]) for name in trainable(first))


def test_an_adapter_with_tensors_of_no_place_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = prepare_model(load_model(tiny_folder, "float32", device="cpu"), Tuner())
    model.save_pretrained(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if ".layers.0." in name)
    weights[name.replace(".layers.0.", ".layers.9.")] = weights[name].clone()
    save_file(weights, path)
    with pytest.raises(ModelError, match=r"layers\.9\."):
        load_adapter(load_model(tiny_folder, "float32", device="cpu"), tmp_path)


def test_stage_two_takes_up_the_weights_of_a_full_stage_one(
    tiny_folder: Path, tmp_path: Path
) -> None:
    stage_one = prepare_model(
        load_model(tiny_folder, "float32", device="cpu"),
        Tuner(train_type="full", freeze_llm=True, freeze_aligner=False),
    )
    fill(stage_one)
    stage_one.save_pretrained(tmp_path)
    stage_two = prepare_model(
        load_model(tiny_folder, "float32", device="cpu"), Tuner(), resume_from=tmp_path
    )
    base = stage_two.get_base_model().model.visual.merger
    assert torch.equal(base.linear_fc1.weight, stage_one.model.visual.merger.linear_fc1.weight)
    assert {part_of(name) for name in trainable(stage_two)} == {"llm"}


def test_modules_saved_in_full_are_taken_up_by_their_short_names_too(
    tiny_folder: Path, tmp_path: Path
) -> None:
    tuner = Tuner(freeze_llm=True, target_regex="^$", modules_to_save=("visual.merger",))
    first = prepare_model(load_model(tiny_folder, "float32", device="cpu"), tuner)
    fill(first)
    first.save_pretrained(tmp_path)
    config = tmp_path / "adapter_config.json"
    content = json.loads(config.read_text())
    assert content["modules_to_save"] == ["model.visual.merger"]
    config.write_text(json.dumps(content | {"modules_to_save": ["merger"]}))
    second = prepare_model(
        load_model(tiny_folder, "float32", device="cpu"), Tuner(), resume_from=tmp_path
    )
    assert {part_of(name) for name in trainable(second)} == {"aligner", "llm"}
    one, two = dict(first.named_parameters()), dict(second.named_parameters())
    assert all(torch.equal(one[name], two[name]) for name in trainable(first))


def test_a_checkpoint_that_does_not_fit_is_an_error(tiny_folder: Path, tmp_path: Path) -> None:
    def fresh() -> PreTrainedModel:
        return load_model(tiny_folder, "float32", device="cpu")

    with pytest.raises(ModelError, match="no such folder"):
        prepare_model(fresh(), Tuner(), resume_from=tmp_path / "absent")
    with pytest.raises(ModelError, match="neither an adapter nor model weights"):
        prepare_model(fresh(), Tuner(), resume_from=tmp_path)
    prepare_model(fresh(), Tuner()).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="r 16 there, 8 here"):
        prepare_model(fresh(), Tuner(lora_rank=8), resume_from=tmp_path)
    with pytest.raises(ModelError, match="holds an adapter"):
        prepare_model(fresh(), Tuner(train_type="full"), resume_from=tmp_path)
    with pytest.raises(ModelError, match="init_weights"):
        prepare_model(fresh(), Tuner(init_weights="pissa"), resume_from=tmp_path)
    with pytest.raises(ModelError, match="no folder"):
        load_adapter(fresh(), tmp_path / "absent")


def test_qlora_needs_a_quantised_base(
    dense: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightwright.extras.require", lambda module, extra: None)
    with pytest.raises(ModelError, match="not quantised"):
        prepare_model(dense, Tuner(train_type="qlora"))
