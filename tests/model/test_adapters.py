from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoConfig, PreTrainedModel, Qwen3VLForConditionalGeneration

from model.adapted import fill, fresh, logits, trainable
from sightwright.config.load import load_text
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapters import is_prepared, load_adapter, prepare_model
from sightwright.model.load import load_model, resolve_folder
from sightwright.model.parts import part_of, without_adapter
from sightwright.model.parts_table import PartRow, parts_table

SNIPPETS = Path(__file__).parents[1] / "config/snippets"
QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")


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


def test_a_model_is_adapted_once(dense: PreTrainedModel) -> None:
    model = prepare_model(dense, Tuner())
    for tuner in (Tuner(), Tuner(train_type="full")):
        with pytest.raises(ModelError, match="has an adapter already"):
            prepare_model(model, tuner)  # type: ignore[arg-type]


def test_prepare_model_is_public(dense: PreTrainedModel) -> None:
    import sightwright.train
    from sightwright.train import prepare_model as public

    assert public is prepare_model
    with pytest.raises(AttributeError, match="no attribute 'prepare_models'"):
        _ = sightwright.train.prepare_models  # type: ignore[attr-defined]


def test_full_training_honours_the_freeze_flags(dense: PreTrainedModel) -> None:
    tuner = Tuner(train_type="full", freeze_llm=True, freeze_aligner=False)
    model = prepare_model(dense, tuner)
    assert model is dense and is_prepared(model)
    assert {part_of(name) for name in trainable(model)} == {"aligner"}
    learning = {row.part for row in parts_table(model) if row.trainable}
    assert learning == {"aligner"}


def test_the_aligner_playbook_trains_exactly_the_four_mergers(tmp_path: Path) -> None:
    """The documents' YAML on a model with three deepstack mergers, as the real ones have (T22)."""
    text = (SNIPPETS / "aligner_playbook.yaml").read_text()
    base = three_mergers()
    merger = base.model.visual.merger
    size = sum(p.numel() for p in merger.parameters())
    deep = sum(p.numel() for p in base.model.visual.deepstack_merger_list.parameters())
    before = {row.part: row.parameters for row in parts_table(base)}
    model = prepare_model(base, load_text(text).config.tuner)
    rows = {row.part: row for row in parts_table(model)}
    saved = {without_adapter(name).split(".visual.")[1] for name in trainable(model)}
    assert saved == {"merger", *(f"deepstack_merger_list.{i}" for i in range(3))}
    # The copy that learns is counted; the original that PEFT keeps beside it is not.
    assert rows["aligner"] == PartRow("aligner", before["aligner"], size + deep, 4)
    assert {part_of(name) for name in trainable(model)} == {"aligner"}
    fill(model)
    model.save_pretrained(tmp_path)
    again = load_adapter(three_mergers(), tmp_path)
    for (name, one), (_, other) in zip(
        sorted(model.state_dict().items()), sorted(again.state_dict().items()), strict=True
    ):
        assert torch.equal(one, other), name


def three_mergers() -> PreTrainedModel:
    config = AutoConfig.from_pretrained(resolve_folder("tiny"))
    config.vision_config.deepstack_visual_indexes = [0, 1, 2]
    torch.manual_seed(0)
    return Qwen3VLForConditionalGeneration(config).float().eval()


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


def test_an_adapter_with_tensors_of_no_place_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = prepare_model(fresh(tiny_folder), Tuner())
    model.save_pretrained(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if ".layers.0." in name)
    weights[name.replace(".layers.0.", ".layers.9.")] = weights[name].clone()
    save_file(weights, path)
    with pytest.raises(ModelError, match=r"layers\.9\."):
        load_adapter(fresh(tiny_folder), tmp_path)


def test_qlora_needs_a_quantised_base(
    dense: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightwright.extras.require", lambda module, extra: None)
    with pytest.raises(ModelError, match="not quantised"):
        prepare_model(dense, Tuner(train_type="qlora"))
