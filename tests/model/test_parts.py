from pathlib import Path

import pytest
from torch import nn
from transformers import PreTrainedModel

from sightwright.config.load import load_text
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapters import prepare_model
from sightwright.model.parts import (
    is_adapter_tensor,
    linear_targets,
    nearest,
    part_of,
    saved_modules,
    without_adapter,
)
from sightwright.model.parts_table import parts_table

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


KINDS: dict[str, dict[str, object]] = {
    "lora": {"use_dora": True},
    "experts": {"target_parameters": ("experts.gate_up_proj", "mlp.gate.weight")},
    "adalora": {"train_type": "adalora"},
    "boft": {"train_type": "boft"},
    "fourierft": {"train_type": "fourierft", "fourier_n_frequency": 10},
    "vera": {"train_type": "vera"},
    "saved": {"modules_to_save": ("vit", "aligner")},
}


@pytest.mark.parametrize(
    ("base", "kind"),
    [*(("dense", kind) for kind in KINDS if kind != "experts"), *(("moe", kind) for kind in KINDS)],
)
def test_an_adapter_is_in_the_part_of_what_it_sits_beside(
    base: str, kind: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(base)
    before = parts_of(model)
    settings = {"freeze_vit": False, "freeze_aligner": False, "lora_dropout": 0.0, **KINDS[kind]}
    wrapped = prepare_model(model, Tuner.model_validate(settings))
    fresh = {name for name in parts_of(wrapped) if is_adapter_tensor(name)}
    assert fresh
    for name, part in parts_of(wrapped).items():
        inside = without_adapter(name).removeprefix("base_model.model.")
        owners = {before[b] for b in before if b.startswith(f"{inside}.") or b == inside}
        assert owners == {part}, name
    adapted = {part_of(name) for name in fresh}
    assert adapted == ({"llm"} if kind == "saved" else {"vit", "aligner", "llm"})
    assert sum(row.parameters for row in parts_table(wrapped)) == sum(
        p.numel() for n, p in wrapped.named_parameters() if ".original_module." not in n
    )


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
    with pytest.raises(ModelError, match=r"frozen parts alone .*: vit"):
        linear_targets(dense, Tuner(target_modules=("qkv",)))


def test_among_other_names_those_of_frozen_parts_are_told_of(
    moe: PreTrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    """The documents' list of all projections, which is read as written with the ViT frozen."""
    text = (Path(__file__).parents[1] / "config/snippets/lm_head_targets.yaml").read_text()
    names = linear_targets(moe, load_text(text).config.tuner)
    assert {part_of(name) for name in names} == {"llm", "lm_head"}
    (told,) = caplog.messages
    assert "tuner.target_modules qkv, proj, linear_fc1, linear_fc2" in told
    assert "get no adapter: vit, aligner" in told


@pytest.mark.parametrize("base", ["dense", "moe"], ids=["tied", "untied"])
def test_head_and_embedding_can_be_named(base: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(base)
    ends = ["model.language_model.embed_tokens", "lm_head"]
    assert linear_targets(model, Tuner(target_modules=("all-embedding", "lm_head"))) == ends
    assert saved_modules(model, Tuner(modules_to_save=("embed_tokens", "lm_head"))) == ends


def test_a_regex_is_matched_against_whole_names(dense: PreTrainedModel) -> None:
    names = linear_targets(dense, Tuner(target_regex=r".*layers\.[01]\..*q_proj"))
    assert names == [f"model.language_model.layers.{i}.self_attn.q_proj" for i in (0, 1)]
    with pytest.raises(ModelError, match=r"such as 'model.*q_proj': begin it with \.\*"):
        linear_targets(dense, Tuner(target_regex="q_proj"))
    with pytest.raises(ModelError, match=r"nearest: .*q_proj"):
        linear_targets(dense, Tuner(target_regex=r".*\.q_prj"))


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


def test_a_part_may_be_saved_by_its_name(dense: PreTrainedModel) -> None:
    aligner = saved_modules(dense, Tuner(modules_to_save=("aligner",)))
    assert aligner == [
        "model.visual.merger",
        "model.visual.deepstack_merger_list.0",
        "model.visual.deepstack_merger_list.1",
    ]
    whole = saved_modules(dense, Tuner(modules_to_save=("vit", "aligner", "llm")))
    prefixes = tuple(f"{name}." for name in whole)
    left = {part_of(name) for name, _ in dense.named_parameters() if not name.startswith(prefixes)}
    assert left == {"embeddings"}
    assert len(whole) == len(aligner) + 2 + 3 + 4 + 1  # ViT blocks, layers of the LLM, its norm


def test_what_has_no_room_for_an_adapter_is_named(dense: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="TextRMSNorm, beside which lora puts no adapter"):
        linear_targets(dense, Tuner(target_modules=("q_norm",)))
    with pytest.raises(ModelError, match="Conv3d, beside which boft puts no adapter"):
        linear_targets(dense, Tuner(train_type="boft", target_modules=("patch_embed.proj",)))
    assert linear_targets(dense, Tuner(target_modules=("patch_embed.proj",), freeze_vit=False))


def test_modules_to_save_that_match_nothing_are_an_error(dense: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="modules_to_save"):
        saved_modules(dense, Tuner(modules_to_save=("visual.mergers",)))
