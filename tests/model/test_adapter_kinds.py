"""Each kind of adapter: PEFT's own, with the settings given, taken up again by a second stage."""

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from model.adapted import fill, fresh, logits, trainable
from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.adapters import load_adapter, prepare_model
from sightwright.model.parts import part_of

KINDS: dict[str, dict[str, object]] = {
    "adalora": {"adalora_init_r": 4, "adalora_target_r": 2, "adalora_beta1": 0.9},
    "boft": {"boft_block_size": 8},
    "fourierft": {"fourier_n_frequency": 100, "fourier_scaling": 5},
    "vera": {"vera_rank": 8, "vera_projection_prng_key": 3},
}
IN_PEFT: dict[str, dict[str, object]] = {
    "adalora": {"init_r": 4, "target_r": 2, "beta1": 0.9, "lora_alpha": 32, "lora_dropout": 0.05},
    "boft": {"boft_block_size": 8, "boft_block_num": 0, "bias": "boft_only"},
    "fourierft": {"n_frequency": 100, "scaling": 5.0, "bias": "fourier_only"},
    "vera": {"r": 8, "projection_prng_key": 3, "bias": "vera_only"},
}


def tuner_of(kind: str, **more: object) -> Tuner:
    return Tuner.model_validate({"train_type": kind, **KINDS[kind], **more})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_peft_with_the_settings_given_and_starts_as_the_base(
    kind: str, dense: PreTrainedModel
) -> None:
    expected = logits(dense)
    bias = "none" if kind == "adalora" else "lora_only"
    model = prepare_model(dense, tuner_of(kind, lora_bias=bias))
    config = model.peft_config["default"]
    assert config.peft_type.value.lower() == kind
    assert {key: getattr(config, key) for key in IN_PEFT[kind]} == IN_PEFT[kind]
    assert {part_of(name) for name in trainable(model)} == {"llm"}
    torch.testing.assert_close(logits(model), expected, rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_may_start_at_random(kind: str, dense: PreTrainedModel) -> None:
    expected = logits(dense)
    model = prepare_model(dense, tuner_of(kind, init_weights=False)).eval()
    assert not torch.allclose(logits(model), expected, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_stage_two_takes_up_every_kind(kind: str, tiny_folder: Path, tmp_path: Path) -> None:
    stage_one = prepare_model(fresh(tiny_folder), tuner_of(kind)).eval()
    fill(stage_one)
    stage_one.save_pretrained(tmp_path)
    stage_two = prepare_model(fresh(tiny_folder), tuner_of(kind), resume_from=tmp_path).eval()
    assert trainable(stage_two) == trainable(stage_one)
    torch.testing.assert_close(logits(stage_two), logits(stage_one), rtol=0, atol=0)
    loaded = load_adapter(fresh(tiny_folder), tmp_path)
    torch.testing.assert_close(logits(loaded), logits(stage_one), rtol=0, atol=0)
    with pytest.raises(ModelError, match=f"{kind.upper()} there, LORA here"):
        prepare_model(fresh(tiny_folder), Tuner(), resume_from=tmp_path)


def test_the_shared_matrices_of_vera_are_of_one_size(tiny_folder: Path, tmp_path: Path) -> None:
    """They are as large as the largest module, so another choice of modules draws others."""
    attention = tuner_of("vera", target_modules=("q_proj", "v_proj"))
    prepare_model(fresh(tiny_folder), attention).save_pretrained(tmp_path)
    with pytest.raises(
        ModelError, match=r"(?s)does not fit: .*size mismatch for base_model\.vera_A"
    ):
        prepare_model(fresh(tiny_folder), tuner_of("vera"), resume_from=tmp_path)


def test_ranks_that_were_cut_do_not_grow_back(tiny_folder: Path, tmp_path: Path) -> None:
    """Adapters of others may leave out what AdaLoRA cut; ours keep it as zeros."""
    model = prepare_model(fresh(tiny_folder), tuner_of("adalora", target_modules=("q_proj",)))
    names = [name for name, _ in model.get_base_model().named_parameters() if "lora_E" in name]
    model.peft_config["default"].rank_pattern = {name: [True, False] * 2 for name in names}
    fill(model)
    model.save_pretrained(tmp_path)
    loaded = load_adapter(fresh(tiny_folder), tmp_path)
    shapes = {p.shape for name, p in loaded.named_parameters() if ".lora_E." in name}
    assert shapes == {(2, 1)}
    with pytest.raises(ModelError, match="its ranks are cut already"):
        prepare_model(fresh(tiny_folder), tuner_of("adalora"), resume_from=tmp_path)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"train_type": "boft", "boft_block_size": 7}, "put boft on this model: in_features"),
        ({"train_type": "fourierft", "fourier_n_frequency": 10**6}, "n_frequency"),
        ({"train_type": "vera", "target_regex": "^$", "modules_to_save": ("aligner",)},
         "vera has no module to adapt"),
        ({"train_type": "adalora", "target_regex": "^$", "modules_to_save": ("aligner",)},
         "adalora has no module to adapt"),
    ],
)  # fmt: skip
def test_what_peft_cannot_put_on_this_model_is_told(
    settings: dict[str, object], says: str, dense: PreTrainedModel
) -> None:
    with pytest.raises(ModelError, match=says):
        prepare_model(dense, Tuner.model_validate(settings))
