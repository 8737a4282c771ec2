"""What is said of serving follows from the settings alone."""

import pytest

from sightwright.config.sections.tuner import Tuner
from sightwright.config.shipping import Shipping, adapted_parts, shipping

QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")


@pytest.mark.parametrize(
    ("settings", "rank"),
    [
        ({}, 16),
        ({"lora_rank": 8}, 8),
        ({"lora_rank": 4}, 8),
        ({"lora_rank": 12, "use_rslora": True}, 16),
        ({"lora_rank": 257, "train_type": "qlora"}, 320),
        ({"lora_rank": 512, "init_weights": "orthogonal"}, 512),
        ({"target_regex": r".*language_model.*\.q_proj"}, 16),
        ({"target_modules": ("q_proj", "mlp.down_proj")}, 16),
        # linear_fc1 is in frozen parts alone.
        ({"target_modules": ("q_proj", "linear_fc1")}, 16),
    ],
)
def test_lora_on_the_language_model_is_served_beside_its_base(
    settings: dict[str, object], rank: int
) -> None:
    found = shipping(Tuner.model_validate(settings))
    assert found == Shipping((), rank)
    assert str(found) == f"vLLM takes the adapter beside its base, --max-lora-rank {rank}"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"init_weights": "pissa"}, "init_weights: pissa rewrote"),
        ({"modules_to_save": ("visual.merger",)}, "modules_to_save: visual.merger learnt in full"),
        ({"lora_bias": "all"}, "lora_bias: all"),
        (
            {"target_parameters": ("mlp.experts.down_proj",), "lora_dropout": 0.0},
            "target_parameters: mlp.experts.down_proj",
        ),
        ({"freeze_vit": False}, "an adapter on vit"),
        ({"freeze_vit": False, "freeze_aligner": False}, "an adapter on vit, aligner"),
        ({"target_modules": ("q_proj", "lm_head")}, "an adapter on lm_head"),
        ({"target_modules": ("all-linear", "all-embedding")}, "an adapter on embeddings"),
        ({"target_regex": r".*merger.*fc1"}, "an adapter on aligner"),
        ({"lora_rank": 1024}, "lora_rank: 1024 is above vLLM's 512"),
        ({"train_type": "vera"}, "vLLM takes LoRA alone, this is vera"),
    ],
)
def test_everything_else_is_merged_first(settings: dict[str, object], reason: str) -> None:
    found = shipping(Tuner.model_validate(settings))
    (only,) = found.only_merged
    assert only.startswith(reason) and found.max_lora_rank is None
    assert str(found).startswith("only merged into its base: ")


def test_all_reasons_are_given() -> None:
    tuner = Tuner(use_dora=True, freeze_aligner=False, modules_to_save=("llm",))
    assert len(shipping(tuner).only_merged) == 3


def test_whole_weights_are_served_as_they_are() -> None:
    assert str(shipping(Tuner(train_type="full"))) == "a whole model, served as it lies"


def test_the_parts_follow_from_names_and_flags() -> None:
    assert adapted_parts(Tuner(target_modules=QKVO, freeze_vit=False)) == ["llm"]
    # The ViT's attention ends in `proj`, which `q_proj` does not.
    assert adapted_parts(Tuner(target_modules=("attn.proj",), freeze_vit=False)) == ["vit"]
    playbook = Tuner(freeze_llm=True, target_regex="^$", modules_to_save=("merger",))
    assert adapted_parts(playbook) == []


def test_what_the_model_has_counts_where_it_is_known() -> None:
    # The checkpoint of stage 1 brought an adapter of the aligner along.
    (reason,) = shipping(Tuner(), ["aligner", "llm"]).only_merged
    assert reason.startswith("an adapter on aligner")
