import pytest
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.parts import linear_targets, nearest, part_of, saved_modules

QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")


def parts_of(model: nn.Module) -> dict[str, str]:
    return {name: part_of(name) for name, _ in model.named_parameters(remove_duplicate=False)}


@pytest.mark.parametrize("kind", ["dense", "moe"])
def test_every_parameter_is_in_the_part_that_holds_its_module(
    kind: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    inner = model.model
    expected = {
        "vit": [inner.visual.patch_embed, inner.visual.pos_embed, inner.visual.blocks],
        "aligner": [inner.visual.merger, inner.visual.deepstack_merger_list],
        "llm": [inner.language_model.layers, inner.language_model.norm],
        "embeddings": [inner.language_model.embed_tokens],
        "lm_head": [model.lm_head],
    }
    part_by_name = parts_of(model)
    named = dict(model.named_parameters(remove_duplicate=False))
    for part, modules in expected.items():
        owned = {id(p) for module in modules for p in module.parameters()}
        names = {name for name, p in named.items() if part_by_name[name] == part}
        if model.config.tie_word_embeddings and part in ("embeddings", "lm_head"):
            assert names
            continue
        assert {id(named[name]) for name in names} == owned, part
    assert len(part_by_name) == len(named)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21
def test_names_under_peft_stay_in_their_part(moe: PreTrainedModel) -> None:
    config = LoraConfig(
        target_modules=["q_proj", "linear_fc1", "patch_embed.proj"],
        modules_to_save=["visual.merger", "embed_tokens"],
    )
    wrapped = get_peft_model(moe, config)
    parts = parts_of(wrapped)
    assert parts["base_model.model.model.visual.patch_embed.proj.lora_A.default.weight"] == "vit"
    inside = "base_model.model.model.visual.merger.modules_to_save.default.norm.weight"
    assert parts[inside] == "aligner"
    assert parts[
        "base_model.model.model.language_model.embed_tokens.modules_to_save.default.weight"
    ] == "embeddings"  # fmt: skip
    assert parts[
        "base_model.model.model.language_model.layers.0.self_attn.q_proj.base_layer.weight"
    ] == "llm"  # fmt: skip


def test_a_stranger_has_no_part() -> None:
    with pytest.raises(ModelError, match="encoder"):
        part_of("encoder.layers.0.weight")


def test_all_linear_by_default_is_the_language_model_alone(dense: PreTrainedModel) -> None:
    names = linear_targets(dense, Tuner())
    layers = dense.config.text_config.num_hidden_layers
    assert len(names) == layers * 7
    assert {part_of(name) for name in names} == {"llm"}


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        ({"freeze_vit": False}, {"vit", "llm"}),
        ({"freeze_llm": True, "freeze_aligner": False}, {"aligner"}),
        ({"freeze_vit": False, "freeze_aligner": False}, {"vit", "aligner", "llm"}),
    ],
)
def test_all_linear_honours_the_freeze_flags(
    dense: PreTrainedModel, flags: dict[str, bool], parts: set[str]
) -> None:
    names = linear_targets(dense, Tuner(**flags))
    assert {part_of(name) for name in names} == parts
    assert all(isinstance(dense.get_submodule(name), nn.Linear) for name in names)


def test_all_linear_leaves_the_head_of_an_untied_model_alone(moe: PreTrainedModel) -> None:
    names = linear_targets(moe, Tuner())
    # Attention of two layers, the MLP of the dense one; experts are no linear layers.
    assert len(names) == 2 * 4 + 3


def test_plain_names_take_the_unfrozen_parts(dense: PreTrainedModel) -> None:
    names = linear_targets(dense, Tuner(target_modules=QKVO))
    assert len(names) == 4 * dense.config.text_config.num_hidden_layers
    aligner = linear_targets(
        dense, Tuner(target_modules=("linear_fc1", "q_proj"), freeze_aligner=False)
    )
    assert {part_of(n) for n in aligner if n.endswith("linear_fc1")} == {"aligner"}


def test_the_spelling_of_the_documents_is_split() -> None:
    tuner = Tuner.model_validate({"target_modules": ["q_proj; k_proj", "v_proj"]})
    assert tuner.target_modules == ("q_proj", "k_proj", "v_proj")


def test_a_name_that_matches_nothing_is_an_error_with_the_nearest(dense: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="matches no module") as caught:
        linear_targets(dense, Tuner(target_modules=("q_proj", "kv_proj")))
    assert "k_proj" in str(caught.value) and "kv_proj" in str(caught.value)
    assert "self_attn.q_proj" in nearest(
        "self_atn.q_proj", [name for name, _ in dense.named_modules()]
    )


def test_a_name_that_matches_frozen_parts_alone_is_an_error(dense: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="frozen parts alone: vit"):
        linear_targets(dense, Tuner(target_modules=("qkv",)))


def test_the_head_can_be_named_where_it_is_its_own(
    dense: PreTrainedModel, moe: PreTrainedModel
) -> None:
    assert "lm_head" in linear_targets(moe, Tuner(target_modules=("q_proj", "lm_head")))
    with pytest.raises(ModelError, match="one tensor"):
        linear_targets(dense, Tuner(target_modules=("q_proj", "lm_head")))


def test_a_regex_is_matched_against_whole_names(dense: PreTrainedModel) -> None:
    names = linear_targets(dense, Tuner(target_regex=r".*layers\.[01]\..*q_proj"))
    assert names == [f"model.language_model.layers.{i}.self_attn.q_proj" for i in (0, 1)]
    with pytest.raises(ModelError, match="whole names"):
        linear_targets(dense, Tuner(target_regex="q_proj"))


def test_the_aligner_playbook_targets_nothing_and_saves_the_mergers(dense: PreTrainedModel) -> None:
    tuner = Tuner(
        freeze_llm=True,
        target_regex="^$",
        modules_to_save=("model.visual.merger", "deepstack_merger_list"),
    )
    assert linear_targets(dense, tuner) == []
    assert saved_modules(dense, tuner) == [
        "model.visual.merger",
        "model.visual.deepstack_merger_list.0",
        "model.visual.deepstack_merger_list.1",
    ]


def test_what_is_saved_in_full_gets_no_adapter(dense: PreTrainedModel) -> None:
    tuner = Tuner(freeze_aligner=False, freeze_llm=True, modules_to_save=("visual.merger",))
    names = linear_targets(dense, tuner)
    assert names and not any(".merger." in name for name in names)


def test_modules_to_save_that_match_nothing_are_an_error(dense: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="modules_to_save"):
        saved_modules(dense, Tuner(modules_to_save=("visual.mergers",)))
    with pytest.raises(ModelError, match="one tensor"):
        saved_modules(dense, Tuner(modules_to_save=("embed_tokens",)))
