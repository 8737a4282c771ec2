"""Rules between keys (test vectors T15 and T16 among them)."""

from pathlib import Path

import pytest

from sightwright.config.load import load_text
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.schema import Config
from sightwright.config.section import Section

FAULTS = {
    # rlhf: T15, T16
    "rlhf: {num_generations: 5, generation_batch_size: 24}": (
        "rlhf.num_generations: 5 does not divide generation_batch_size 24"
    ),
    "rlhf: {reward_funcs: [a, b], reward_weights: [1.0]}": (
        "rlhf.reward_weights: 1 weights for 2 reward_funcs"
    ),
    "rlhf: {reward_weights: [1]}": "rlhf.reward_weights: given without reward_funcs",
    "rlhf: {llm_kd_weight: -1}": "rlhf.llm_kd_weight: must be at least 0",
    "rlhf: {llm_kd_weight: .nan}": "rlhf.llm_kd_weight: must be a finite number",
    "rlhf: {llm_kd_weight: x}": "rlhf.llm_kd_weight: must be a number, found 'x'",
    "rlhf: {rlhf_type: gkd}": "rlhf.teacher_model: is required",
    "rlhf: {rlhf_type: gkd, teacher_model: t, beta: 1.5}": "rlhf.beta: 1.5 is no place between",
    "rlhf: {ref_model: x}": "rlhf.ref_model: must not be set with train_type lora",
    # tuner
    "tuner: {target_regex: '^$'}": "tuner.target_regex: matches nothing",
    "tuner: {target_regex: '('}": "tuner.target_regex: not a regular expression",
    "tuner: {freeze_llm: true}": "tuner.freeze_llm: every part is frozen",
    "tuner: {target_modules: ['a.*b']}": "tuner.target_modules: 'a.*b' is no module name",
    "tuner: {target_parameters: [x]}": "cannot go with dropout",
    "tuner: {target_parameters: [x], lora_dropout: 0.0, use_dora: true}": (
        "tuner.target_parameters: cannot go with use_dora"
    ),
    "tuner: {use_swift_lora: true}": "tuner.use_swift_lora",
    "tuner: {train_type: full, use_dora: true}": "tuner.use_dora",
    # quantization
    "tuner: {train_type: qlora}\nquantization: {quant_bits: 8}": (
        "quantization.quant_bits: is 8, but qlora means 4 bits"
    ),
    "tuner: {train_type: full}\nquantization: {quant_bits: 4}": (
        "quantization.quant_bits: 4-bit weights cannot learn"
    ),
    "tuner: {train_type: qlora}\nquantization: {quant_method: awq}": (
        "quantization.quant_method: is awq"
    ),
    "quantization: {quant_bits: 8, quant_method: awq}": "quantization.quant_bits: 8 bits",
    # template, data, task
    "template: {min_pixels: 9999, max_pixels: 4096}": "template.min_pixels: 9999 is above",
    "template: {max_pixels: 100}": "template.max_pixels: 100 is below one image token",
    "data: {dataloader_prefetch_factor: 2}": "data.dataloader_prefetch_factor: there is nobody",
    "data: {dataloader_persistent_workers: true}": "data.dataloader_persistent_workers",
    "task: {prompt_has_schema: true}": "task.prompt_has_schema: there is no schema",
    # training
    "training: {bf16: true, fp16: true}": "training.fp16: bf16 and fp16 cannot both be true",
    "training: {load_best_model_at_end: true, eval_strategy: epoch, save_strategy: steps}": (
        "training.load_best_model_at_end: needs checkpoints at the evaluations"
    ),
    "training: {load_best_model_at_end: true, eval_strategy: steps, eval_steps: 40, "
    "save_steps: 50}": "save_steps 50.0 is no multiple of eval_steps 40.0",
    "training: {save_strategy: best}": "training.save_strategy: best needs evaluations",
    "training: {logging_steps: 2.5}": "training.logging_steps: 2.5 is neither",
    "training: {save_delay_steps: 5, save_delay_epochs: 1}": "training.save_delay_epochs",
    "training: {learning_rate: 1e-6, lr_scheduler_type: cosine_with_min_lr, "
    "lr_scheduler_kwargs: {min_lr: 1e-4}}": (
        "training.lr_scheduler_kwargs: min_lr 0.0001 is above learning_rate 1e-06"
    ),
    "training: {metric_for_best_model: field_f1}\neval: {generate: false}": (
        "training.metric_for_best_model: field_f1 exists only when evaluation answers"
    ),
    "training: {metric_for_best_model: eval_field_f1}\ntask: {type: chat}": (
        "field_f1 marks extraction, task.type is chat"
    ),
    # custom
    "custom: {visual_kd: {enabled: true}}": "custom.visual_kd.enabled: is true, but vit",
    "custom: {visual_kd: {vit: {weight: 0}}}": "custom.visual_kd.vit.weight: must be above 0",
    "custom: {augmentation: {enabled: true}}": "custom.augmentation.ops: augmentation is enabled",
    "custom: {assistant_prefix_format: '<{domain}>'}": "does not hold {task} once",
    "custom: {augmentation_curriculum: {phases: [{}]}}": (
        "custom.augmentation_curriculum.phases[0].until_percent: a phase needs exactly one end"
    ),
    "custom: {augmentation_curriculum: {phases: [{until_percent: 50}, {until_percent: 20}]}}": (
        "custom.augmentation_curriculum.phases: each must end after the one before"
    ),
    "custom: {augmentation_curriculum: {phases: [{until_percent: 5}, {until_step: 20}]}}": (
        "cannot be mixed"
    ),
    # deepspeed
    "deepspeed: {enabled: true}": "deepspeed.config: is required when DeepSpeed is enabled",
    "deepspeed: {enabled: true, config: zero9}": "deepspeed.config: 'zero9' is neither",
    # data.dataset: T19
    "data: {dataset: []}": (
        "data.dataset: self.dataset: [], self.cached_dataset: []. "
        "Please input the training dataset. (name the records: custom.train_jsonl)"
    ),
}


@pytest.mark.parametrize(("text", "says"), FAULTS.items())
def test_settings_that_contradict_each_other_fail_when_read(text: str, says: str) -> None:
    with pytest.raises(ConfigProblemsError) as caught:
        load_text(text)
    (problem,) = caught.value.problems
    assert says in str(problem)


FINE = [
    "data: {dataset: [], cached_dataset: [x]}",
    "data: {dataset: []}\ncustom: {train_jsonl: a}",
    "data: {dataset: []}\ncustom: {fusion_config: a.yaml}",
    "rlhf: {num_generations: 4, generation_batch_size: 64}",
    "rlhf: {rlhf_type: gkd, llm_kd_weight: 0.0}",
    "rlhf: {ref_model: x}\ntuner: {train_type: full}",
    "tuner: {train_type: lora}\nquantization: {quant_bits: 4}",
    "tuner: {freeze_llm: true, target_modules: [q_proj]}",
    *(
        f"tuner: {{init_weights: {start}}}"
        for start in ("pissa", "olora", "orthogonal", "gaussian")
    ),
    *(
        f"tuner: {{train_type: {kind}}}"
        for kind in ("adalora", "boft", "fourierft", "vera", "full")
    ),
    "tuner: {train_type: boft, boft_block_size: 0, boft_block_num: 4}",
    "tuner: {train_type: vera, vera_rank: 64, vera_projection_prng_key: 1, vera_d_initial: 0.2}",
    "tuner: {train_type: adalora, adalora_deltaT: 10, adalora_tinit: 200, adalora_tfinal: 500}",
    "training: {bf16: auto, fp16: true}",
    "training: {load_best_model_at_end: true, eval_strategy: steps, eval_steps: 0.1, "
    "save_steps: 0.2}",
    "training: {save_strategy: best, eval_strategy: steps, load_best_model_at_end: true}",
    "deepspeed: {enabled: false}",
    "deepspeed: {enabled: true, config: zero1_offload}",
    "deepspeed: {enabled: true, config: {zero_optimization: {stage: 2}}}",
    "custom: {assistant_prefix_format: '<DOMAIN={domain}>, <TASK={task}>'}",
    "training: {eval_strategy: no}",
]


@pytest.mark.parametrize("text", FINE)
def test_settings_that_agree_are_read(text: str) -> None:
    load_text(text)


def test_the_weight_of_the_distillation_is_one_unless_said() -> None:
    assert load_text("").config.rlhf.llm_kd_weight == 1.0
    assert load_text("rlhf: {llm_kd_weight: 0}").config.rlhf.llm_kd_weight == 0


def test_module_names_may_be_joined_by_semicolons() -> None:
    text = "tuner:\n  target_modules:\n    - q_proj; k_proj;v_proj\n    - lm_head\n"
    expected = ("q_proj", "k_proj", "v_proj", "lm_head")
    assert load_text(text).config.tuner.target_modules == expected
    one = load_text("tuner: {target_modules: all-linear}").config.tuner.target_modules
    assert one == ("all-linear",)


def test_the_two_plain_starts_may_be_texts() -> None:
    for text, value in (("'true'", True), ("'false'", False), ("true", True)):
        assert load_text(f"tuner: {{init_weights: {text}}}").config.tuner.init_weights is value


def test_qlora_means_four_bits() -> None:
    loaded = load_text("tuner: {train_type: qlora}", "x.yaml")
    assert loaded.config.quantization.quant_bits == 4
    assert loaded.provenance["quantization.quant_bits"] == "x.yaml:1 (train_type qlora)"
    assert loaded.config.quantization.quant_bits == 4


def test_the_one_length_knob_sets_both_lengths_and_forbids_truncation() -> None:
    loaded = load_text(
        "global_max_length: 4096\n"
        "template: {max_length: 2048, truncation_strategy: left}\n"
        "model: {max_model_len: 4096}\n",
        "x.yaml",
    )
    config = loaded.config
    assert (config.model.max_model_len, config.template.max_length) == (4096, 4096)
    assert config.template.truncation_strategy == "raise"
    assert loaded.warnings == (
        "x.yaml:2: template.max_length: 2048 is overruled by global_max_length, which sets 4096",
        "x.yaml:2: template.truncation_strategy: left is overruled by global_max_length, "
        "which sets raise",
    )
    assert loaded.provenance["template.max_length"] == "x.yaml:1 (global_max_length)"


@pytest.mark.parametrize(("limit", "count"), [(255, 1), (256, 0), (512, 0), (768, 0), (769, 1)])
def test_an_output_limit_outside_the_documents_range_is_warned_of(limit: int, count: int) -> None:
    assert len(load_text(f"task: {{max_output_tokens: {limit}}}").warnings) == count


def test_the_objects_of_a_photograph_may_be_many() -> None:
    text = "task: {type: TYPE, max_output_tokens: 2048}"
    assert load_text(text.replace("TYPE", "dense")).warnings == ()
    assert len(load_text(text.replace("TYPE", "extract")).warnings) == 1


@pytest.mark.parametrize("name", ["Qwen/Qwen3-VL-32B-A3B-Instruct", "models/qwen3-vl-32b-a3b"])
def test_a_model_that_the_documents_name_and_nobody_has_gets_a_hint(name: str) -> None:
    (warning,) = load_text(f"global_max_length: 9\nmodel: {{model: {name}}}", "x.yaml").warnings
    assert warning.startswith(f"x.yaml:2: model.model: {name}: no release of Qwen3-VL is called")
    assert "Qwen/Qwen3-VL-30B-A3B-Instruct (mixture of experts)" in warning
    assert "Qwen/Qwen3-VL-32B-Instruct (dense)" in warning
    for real in ("Qwen/Qwen3-VL-30B-A3B-Instruct", "Qwen/Qwen3-VL-32B-Instruct"):
        assert load_text(f"model: {{model: {real}}}").warnings == ()


@pytest.mark.parametrize(
    ("kind", "rate", "what"),
    [
        ("lora", "1e-5", "1e-05 is low for lora, which learns slowly"),
        ("lora", "1e-4", None),
        ("qlora", "2e-3", "0.002 is high for qlora, and loss may jump"),
        ("full", "5e-5", None),
        ("full", "5e-4", "0.0005 is high for full, and loss may jump"),
        ("fourierft", "3e-2", None),
    ],
)
def test_an_unusual_learning_rate_is_warned_of(kind: str, rate: str, what: str | None) -> None:
    text = f"tuner: {{train_type: {kind}}}\ntraining: {{learning_rate: {rate}}}\n"
    warnings = load_text(text + "model: {model: a/b}", "x.yaml").warnings
    usual = "1e-4 is usual for an adapter, 5e-5 for full training"
    expected = () if what is None else (f"x.yaml:2: training.learning_rate: {what}: {usual}",)
    assert warnings == expected
    for elsewhere in ("", "model: {model: tiny}", "model: {model: a/b}\nrlhf: {rlhf_type: grpo}"):
        assert load_text(text + elsewhere).warnings == ()


def test_a_real_name_under_data_dataset_is_warned_of() -> None:
    assert load_text("data: {dataset: [dummy]}").warnings == ()
    (warning,) = load_text("data: {dataset: [train.jsonl]}").warnings
    assert "records are read from custom.train_jsonl" in warning


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("eval: {bootstrap_samples: 10}", "eval.bootstrap_samples"),
    ],
)
def test_a_key_that_no_verb_reads_is_warned_of(text: str, key: str) -> None:
    (warning,) = load_text(text, "x.yaml").warnings
    assert warning.startswith(f"x.yaml:1: {key}: not read by this version: ")


def test_a_prompt_may_be_the_name_of_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "ask.txt").write_text("Read the page.\n", encoding="utf-8")
    loaded = load_text("task: {prompt: ask.txt}", "x.yaml", tmp_path)
    assert loaded.config.task.prompt == "Read the page."
    with pytest.raises(ConfigProblemsError, match=r"task\.prompt: cannot read gone\.txt"):
        load_text("task: {prompt: gone.txt}", "x.yaml", tmp_path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "chat"),
        ("custom: {emit_norm: norm100}", "dense"),
        ("custom: {user_prompt: List all parts.}", "dense"),
        ("custom: {use_summary: true, json_format: standard}", "summary"),
        ("custom: {emit_norm: none}\ntask: {type: extract}", "extract"),
    ],
)
def test_the_documents_yaml_tells_its_task_by_its_custom_section(text: str, kind: str) -> None:
    assert load_text(text).config.task.type == kind


@pytest.mark.parametrize(
    ("text", "train", "val"),
    [
        ("{}", None, None),
        ("{sample_limit: 32}", 32, 32),
        ("{sample_limit: 32, val_sample_limit: 8}", 32, 8),
        ("{sample_limit: 32, train_sample_limit: 0}", None, 32),
        ("{sample_limit: -1}", None, None),
    ],
)
def test_the_specific_sample_limit_wins(text: str, train: int | None, val: int | None) -> None:
    custom = load_text(f"custom: {text}").config.custom
    assert (custom.limit("train"), custom.limit("val")) == (train, val)


def test_a_configuration_cannot_be_changed_once_read() -> None:
    config = load_text("").config
    with pytest.raises(ValueError, match="frozen"):
        config.tuner.lora_rank = 3  # type: ignore[misc]


def every_section(model: type[Section]) -> list[type[Section]]:
    found = [model]
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found += every_section(field.annotation)
    return found


def test_every_key_is_described() -> None:
    for section in every_section(Config):
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
