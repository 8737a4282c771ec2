"""Every YAML that we ship, and every one that the user's documents show."""

from pathlib import Path

import pytest

from sightwright.config.load import load_config
from sightwright.config.resolved import resolved_values
from sightwright.config.schema import Config
from sightwright.config.sections.augmentation import CHANGES_OBJECTS
from sightwright.config.support import missing_for_training, unsupported
from sightwright.train.sft import run_folder

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


def config_of(name: str) -> Config:
    return load_config(ROOT / "configs" / f"{name}.yaml").config


EXTRACTION = [path.stem for path in SHIPPED if path.parent.name == "extract"]


def test_every_size_has_an_extraction_recipe() -> None:
    assert set(EXTRACTION) == {
        "lora_4b", "lora_8b", "lora_32b", "lora_30b_a3b", "lora_30b_a3b_experts",
        "qlora_8b", "qlora_32b",
    }  # fmt: skip


@pytest.mark.parametrize("name", EXTRACTION)
def test_the_extraction_recipes_have_the_documents_numbers(name: str) -> None:
    config = config_of(f"extract/{name}")
    training, tuner = config.training, config.tuner
    assert training.num_train_epochs == 1
    assert training.effective_batch_size == 32
    assert training.warmup_steps == 0.03
    assert training.learning_rate == (1e-4 if "qlora" in name else 2e-4)
    assert training.activation_checkpointing is False
    assert training.best_metric == "field_f1"
    assert tuner.target_modules == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (tuner.freeze_llm, tuner.freeze_vit, tuner.freeze_aligner) == (False, True, True)
    assert config.task.max_output_tokens == 512
    assert config.template.max_pixels is not None
    assert (config.quantization.quant_bits == 4) == ("qlora" in name)
    if "experts" in name:
        assert (tuner.lora_rank, tuner.lora_alpha, tuner.lora_dropout) == (4, 8, 0)
        assert len(tuner.target_parameters) == 2
    else:
        assert (tuner.lora_rank, tuner.lora_alpha, tuner.lora_dropout) == (16, 32, 0.05)


def test_the_recipes_of_other_sizes_name_another_model_alone() -> None:
    for name in ("lora_4b", "lora_32b", "lora_30b_a3b"):
        keys = {"model.model", "training.run_name"}
        assert differing("extract/lora_8b", f"extract/{name}") == keys
    assert differing("extract/qlora_8b", "extract/qlora_32b") == keys


RECIPES = [
    path.relative_to(ROOT / "configs").with_suffix("").as_posix()
    for path in SHIPPED
    if path.name not in ("base.yaml", "rehearsal.yaml")
]


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_can_be_trained_by_this_version(name: str) -> None:
    config = config_of(name)
    assert missing_for_training(config) == []
    assert unsupported(config) == []


def differing(one: str, other: str) -> set[str]:
    """The keys that have another value."""
    values = dict(resolved_values(config_of(one)))
    return {key for key, value in resolved_values(config_of(other)) if values[key] != value}


# What a mixture has in place of one set of records.
RECORDS = {
    "custom.fusion_config", "custom.train_jsonl", "custom.val_jsonl", "custom.dataset_name",
    "training.run_name",
}  # fmt: skip


def test_the_mixtures_change_the_records_alone() -> None:
    """The documents: fusion_train/* only turn on custom.fusion_config, 1024/* only swap paths."""
    assert differing("dlora/sft_base", "fusion_train/sft_base") == RECORDS
    for name in ("1024/dense", "1024/summary"):
        keys = {"custom.fusion_config", "training.run_name"}
        assert differing("fusion_train/sft_base", name) == keys
        mixture = config_of(name).custom.fusion_config
        assert mixture is not None
        assert "1024" in mixture


def test_the_parent_of_the_inspection_recipes_has_the_documents_numbers() -> None:
    config = config_of("dlora/sft_base")
    training, tuner = config.training, config.tuner
    assert (training.learning_rate, training.vit_lr, training.aligner_lr) == (2e-4, 1e-4, 6e-4)
    assert (training.lr_scheduler_type, training.min_lr) == ("cosine_warmup_with_min_lr", 1e-6)
    assert (training.warmup_steps, training.max_grad_norm, training.weight_decay) == (0.1, 0.5, 0)
    assert (training.effective_batch_size, training.num_train_epochs) == (32, 30)
    assert (tuner.use_dora, tuner.lora_rank, tuner.lora_alpha) == (True, 32, 64)
    assert (tuner.lora_dropout, tuner.target_modules) == (0.1, ("all-linear",))
    assert config.deepspeed is not None
    assert config.deepspeed.stage == 2
    assert (training.bf16, training.seed, training.eval_steps) == ("auto", 17, 40)
    assert (training.save_strategy, training.best_metric) == ("best", "token_acc")
    assert training.save_delay_steps == 1800
    assert config.template.max_length == 12000
    assert config.data.dataset == ("dummy",)
    augmentation = config.custom.augmentation
    assert augmentation is not None
    assert augmentation.bypass_prob == 0.12
    *changes, last = augmentation.ops
    assert [step.params.model_dump()["prob"] for step in changes] == [
        0.25, 0.06, 0.24, 0.16, 0.18, 0.40, 0.20, 0.12, 0.12, 0.07, 0.06, 0.12,
    ]  # fmt: skip
    assert last.name == "expand_to_fit_affine"
    assert augmentation.curriculum is not None
    assert [(p.until_percent, p.bypass_prob) for p in augmentation.curriculum.phases] == [
        (5, 1.0), (12, 0.60), (20, 0.32), (30, 0.28), (40, 0.22), (50, 0.19), (65, 0.16),
        (100, 0.12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "frozen", "epochs", "rate"),
    [
        ("stage_1/lora", (True, True, False), 3, 1e-4),
        ("stage_2/lora", (False, True, False), 2, 5e-5),
    ],
)
def test_the_two_stages(
    name: str, frozen: tuple[bool, bool, bool], epochs: int, rate: float
) -> None:
    config = config_of(name)
    training, tuner = config.training, config.tuner
    assert (tuner.freeze_llm, tuner.freeze_vit, tuner.freeze_aligner) == frozen
    assert (tuner.train_type, tuner.use_dora) == ("lora", False)
    assert tuner.target_modules == ("all-linear",)
    assert training.num_train_epochs == epochs
    assert training.learning_rate == training.aligner_lr == rate


def test_stage_2_begins_where_stage_1_ends() -> None:
    assert run_folder(config_of("stage_1/lora")) == Path("output/stage-1")
    assert config_of("stage_2/lora").tuner.resume_from_checkpoint == "output/stage-1"


def test_the_aligner_recipe_is_the_documents_playbook() -> None:
    config = config_of("aligner")
    playbook = load_config(Path(__file__).parent / "snippets/aligner_playbook.yaml")
    given = {key for key, place in playbook.provenance.items() if place != "default"}
    theirs, ours = (dict(resolved_values(each)) for each in (playbook.config, config))
    assert {key: ours[key] for key in given} == {key: theirs[key] for key in given}
    assert len(given) == 10


def test_the_summary_recipe_keeps_all_objects_in_sight() -> None:
    config = config_of("summary")
    assert config.custom.use_summary
    assert config.task.type == "summary"
    augmentation = config.custom.augmentation
    assert augmentation is not None
    assert augmentation.named(CHANGES_OBJECTS) == ()


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


# Distillation and rewards.
REFUSED = {
    "gkd": {"rlhf.rlhf_type", "custom.trainer_variant"},
    "gkd_forward_only": {"rlhf.rlhf_type"},
    "gkd_vision_only": {"custom.visual_kd"},
    "grpo_summary": {"rlhf.rlhf_type"},
    "visual_kd": {"custom.visual_kd"},
}


@pytest.mark.parametrize("path", SNIPPETS, ids=names)
def test_train_names_the_parts_of_a_snippet_that_it_cannot_run(path: Path) -> None:
    refused = {part.key for part in unsupported(load_config(path).config)}
    assert refused == REFUSED.get(path.stem, set())
