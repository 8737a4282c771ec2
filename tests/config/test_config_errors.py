"""What a mistake is answered with: place, key, what is wrong, what to do."""

import pytest

from sightwright.config.load import load_text
from sightwright.config.problems import ConfigProblemsError


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigProblemsError) as caught:
        load_text(text, "x.yaml")
    return [str(problem) for problem in caught.value.problems]


ONE_MISTAKE = {
    "modell: {}": "x.yaml:1: modell: unknown key (did you mean model?)",
    "tuner: {lora_rnk: 3}": "x.yaml:1: tuner.lora_rnk: unknown key (did you mean lora_rank?)",
    "custom: {lora_rank: 3}": (
        "x.yaml:1: custom.lora_rank: unknown key (this key belongs in tuner)"
    ),
    "learning_rate: 1": "x.yaml:1: learning_rate: unknown key (this key belongs in training)",
    "training: {emit_norm: none}": (
        "x.yaml:1: training.emit_norm: unknown key (this key belongs in custom)"
    ),
    "training: {deepspeed: zero2}": (
        "x.yaml:1: training.deepspeed: unknown key "
        "(its place is the section deepspeed: {enabled: true, config: zero2})"
    ),
    "training: {learning_rate: '1e-5'}": (
        "x.yaml:1: training.learning_rate: must be a number, found '1e-5' (take off the quotes)"
    ),
    "training: {learning_rate: .nan}": (
        "x.yaml:1: training.learning_rate: must be a finite number, found nan"
    ),
    "training: {bf16: yes}": (
        "x.yaml:1: training.bf16: must be auto or true or false, found 'yes' "
        "(`yes` is text in YAML 1.2: write true)"
    ),
    "training: {lr_scheduler_type: cosin}": "did you mean cosine?",
    "training: {eval_strategy: false}": "write the word in quotes",
    "template: {max_pixels: 1e6}": (
        "x.yaml:1: template.max_pixels: must be a whole number, found 1000000.0 (write 1000000)"
    ),
    "tuner: {lora_rank: 0}": "x.yaml:1: tuner.lora_rank: must be above 0, found 0",
    "tuner: {lora_rank: true}": "must be a whole number, found true",
    "tuner: {lora_dropout: 1.5}": "must be below 1.0, found 1.5",
    "tuner: {lora_rank: null}": "found null (delete the key for its default)",
    "tuner: 3": "x.yaml:1: tuner: must be a mapping, found 3",
    "tuner: {modules_to_save: x}": "must be a list, found 'x' (a list is written [a, b])",
    "tuner: {freeze_llm: 'true'}": "must be true or false, found 'true' (take off the quotes)",
    "training: {run_name: 5}": "must be text, found 5 (write it in quotes)",
    "tuner: {modules_to_save: [x, 3]}": "x.yaml:1: tuner.modules_to_save[1]: must be text, found 3",
    "data: {batching: {type: token}}": "must be of type padding_free, padded, tokens",
    "data: {batching: {budget: 3}}": "must be a mapping with a `type`",
    "data: {batching: {type: tokens}}": "x.yaml:1: data.batching.budget: is required",
    "data: {batching: {type: tokens, budgt: 3, budget: 3}}": (
        "x.yaml:1: data.batching.budgt: unknown key (did you mean budget?)"
    ),
    "deepspeed: {config: zero2}": "x.yaml:1: deepspeed.enabled: is required",
    "deepspeed: zero2": "x.yaml:1: deepspeed: must be a mapping, found 'zero2'",
    "custom: {augmentation: {enabled: true, ops: [{name: hflipp}]}}": (
        "x.yaml:1: custom.augmentation.ops[0].name: must be hflip"
    ),
    "custom: {augmentation_curriculum: {phases: [{until_step: 3, ops: {spin: {}}}]}}": (
        "custom.augmentation_curriculum.phases[0].ops"
    ),
    "global_max_length: 0": "x.yaml:1: global_max_length: must be above 0, found 0",
    "training: {report_to: 3}": "must be text or a list, found 3",
    "export: {max_shard_size: big}": "export.max_shard_size: must be text like",
}


@pytest.mark.parametrize(("text", "says"), ONE_MISTAKE.items())
def test_one_mistake_gets_one_line_that_helps(text: str, says: str) -> None:
    lines = problems(text)
    assert len(lines) == 1
    assert says in lines[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        "training:\n"
        "  packing: false\n"
        "  learning_rate: fast\n"
        "  use_liger_kernel: true\n"
        "tuner:\n"
        "  lora_rank: 0\n"
        "  lora_rank: 4\n"
        "bogus_section: {}\n"
    )
    lines = problems(text)
    assert [line.split(": ")[0] for line in lines] == [
        "x.yaml:2",
        "x.yaml:3",
        "x.yaml:4",
        "x.yaml:6",
        "x.yaml:7",
        "x.yaml:8",
    ]
    with pytest.raises(ConfigProblemsError, match="6 problems in the configuration") as caught:
        load_text(text)
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, ValueError)


REFUSED_ARGUMENTS = {
    "use_liger_kernel": "true",
    "label_smoothing_factor": "0.1",
    "neftune_noise_alpha": "5",
    "torch_compile": "true",
    "remove_unused_columns": "true",
    "prediction_loss_only": "true",
    "auto_find_batch_size": "true",
    "ignore_data_skip": "true",
    "label_names": "[labels]",
    "batch_eval_metrics": "true",
}


@pytest.mark.parametrize(("key", "value"), REFUSED_ARGUMENTS.items())
def test_what_our_forward_would_bypass_is_refused_with_the_reason(key: str, value: str) -> None:
    (line,) = problems(f"training:\n  {key}: {value}\n")
    assert line.startswith(f"x.yaml:2: training.{key}: cannot be honoured: ")
    assert line.endswith("(delete it)")


@pytest.mark.parametrize(
    "text",
    ["use_liger_kernel: false", "label_smoothing_factor: 0", "remove_unused_columns: false"],
)
def test_a_refused_argument_at_its_neutral_value_is_fine(text: str) -> None:
    load_text(f"training: {{{text}}}")


# Test vector T18, and the others of the removed knobs.
REMOVED = {
    "training: {packing: true}": "training.packing",
    "training: {packing: false}": "training.packing",
    "custom: {hard_sample_mining: {enabled: false}}": "custom.hard_sample_mining",
    "custom: {summary_ratio: 0.5}": "custom.summary_ratio",
    "custom: {images_per_user_turn: 2}": "custom.images_per_user_turn",
    "custom: {packing_group_key: x}": "custom.packing_group_key",
    "custom: {packing_length_override: 3}": "custom.packing_length_override",
    "custom: {cached_lengths: x}": "custom.cached_lengths",
    "custom: {use_legacy_fusion: true}": "custom.use_legacy_fusion",
    "custom: {summary_label_grouping: true}": "custom.summary_label_grouping",
    "data: {packing_cache: x}": "data.packing_cache",
    "packing: true": "packing",
}


@pytest.mark.parametrize(("text", "key"), REMOVED.items())
def test_a_removed_knob_stops_the_reading(text: str, key: str) -> None:
    (line,) = problems(text)
    assert line.startswith(f"x.yaml:1: {key}: removed")


def test_a_moved_knob_says_where_to() -> None:
    (line,) = problems("custom: {grpo_chord: {mu: 1}}")
    assert line == (
        "x.yaml:1: custom.grpo_chord: moved (write its keys under rlhf, as rlhf.chord_*)"
    )
