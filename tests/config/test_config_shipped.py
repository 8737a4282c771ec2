"""Every YAML that we ship, and every one that the user's documents show."""

from pathlib import Path

import pytest

from sightwright.config.load import load_config
from sightwright.config.support import missing_for_training, unsupported

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path
    for path in (ROOT / "configs").rglob("*.yaml")
    if path.parent.name not in ("accelerate", "dataset_mix")
)
SNIPPETS = sorted((Path(__file__).parent / "snippets").glob("*.yaml"))


def names(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_shipped_configuration_is_read_without_a_warning(path: Path) -> None:
    loaded = load_config(path)
    assert loaded.warnings == ()
    assert loaded.notes == ()


@pytest.mark.parametrize("name", ["extract/lora_8b", "extract/qlora_8b", "extract/lora_4b"])
def test_the_extraction_recipes_have_the_documents_numbers(name: str) -> None:
    config = load_config(ROOT / "configs" / f"{name}.yaml").config
    training, tuner = config.training, config.tuner
    assert training.num_train_epochs == 1
    assert training.effective_batch_size == 32
    assert training.warmup_steps == 0.03
    assert training.learning_rate == (1e-4 if "qlora" in name else 2e-4)
    assert training.activation_checkpointing is False
    assert training.best_metric == "field_f1"
    assert (tuner.lora_rank, tuner.lora_alpha, tuner.lora_dropout) == (16, 32, 0.05)
    assert tuner.target_modules == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (tuner.freeze_llm, tuner.freeze_vit, tuner.freeze_aligner) == (False, True, True)
    assert config.task.max_output_tokens == 512
    assert config.template.max_pixels is not None
    assert (config.quantization.quant_bits == 4) == ("qlora" in name)


@pytest.mark.parametrize(
    "name", ["extract/lora_8b", "extract/qlora_8b", "extract/lora_4b", "demo/extract"]
)
def test_a_shipped_recipe_can_be_trained_by_this_version(name: str) -> None:
    config = load_config(ROOT / "configs" / f"{name}.yaml").config
    assert missing_for_training(config) == []
    assert unsupported(config) == []


def test_the_base_holds_no_hyperparameter_and_no_pixel_budget() -> None:
    provenance = load_config(ROOT / "configs/base.yaml").provenance
    given = {key for key, place in provenance.items() if place != "default"}
    assert given == {
        "model.torch_dtype",
        "model.attn_impl",
        "template.template",
        "template.truncation_strategy",
    }


@pytest.mark.parametrize("path", SNIPPETS, ids=names)
def test_a_snippet_of_the_documents_is_read_as_written(path: Path) -> None:
    assert load_config(path).warnings == ()


def test_the_snippets_say_what_the_documents_say() -> None:
    config = {path.stem: load_config(path).config for path in SNIPPETS}
    setup = config["critical_setup"]
    assert setup.template.max_length == setup.model.max_model_len == 4096
    assert setup.template.truncation_strategy == "raise"
    assert setup.data.dataset == ("dummy",)
    lora = config["lora"].tuner
    assert (lora.lora_rank, lora.lora_alpha, lora.target_modules) == (32, 64, ("all-linear",))
    assert (lora.freeze_llm, lora.freeze_vit, lora.freeze_aligner) == (False, True, False)
    assert config["stage_2_llm_and_aligner"].tuner.resume_from_checkpoint is not None
    gkd = config["gkd"].rlhf
    assert (gkd.beta, gkd.sft_alpha, gkd.seq_kd, gkd.lmbda) == (0.5, 0.3, True, 0.5)
    assert (gkd.max_completion_length, gkd.temperature) == (256, 0.9)
    assert config["gkd_vision_only"].rlhf.llm_kd_weight == 0
    assert config["cosine_with_min_lr"].training.warmup_steps == 0.1
    assert config["gradient_checkpointing"].training.activation_checkpointing is True
    assert len(config["lm_head_targets"].tuner.target_modules) == 12
    aligner = config["aligner_playbook"]
    assert aligner.tuner.target_regex == "^$"
    assert len(aligner.tuner.modules_to_save) == 4
    assert (aligner.training.optimizer, aligner.training.aligner_lr) == ("multimodal", 1e-4)
    assert config["data_loading"].data.dataloader_num_workers == 16
    assert config["bf16"].training.bf16 is True
    augmentation = config["augmentation"].custom.augmentation
    assert augmentation is not None
    assert [step.name for step in augmentation.ops][-1] == "pad_to_multiple"


REFUSED = {
    "gkd": {"rlhf.rlhf_type", "custom.trainer_variant"},
    "grpo_summary": {"rlhf.rlhf_type"},
    "visual_kd": {"custom.visual_kd"},
    "augmentation": set[str](),
    "deepspeed_zero2": {"deepspeed"},
    "aligner_playbook": {"training.optimizer"},
    "stage_2_llm_and_aligner": set[str](),
    "lm_head_targets": set[str](),
    "dora": set[str](),
}


@pytest.mark.parametrize(("name", "keys"), REFUSED.items())
def test_train_names_the_parts_of_a_snippet_that_it_cannot_run(name: str, keys: set[str]) -> None:
    config = load_config(Path(__file__).parent / "snippets" / f"{name}.yaml").config
    assert {part.key for part in unsupported(config)} == keys
