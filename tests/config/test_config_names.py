"""Older names, and keys that stand in another section."""

import pytest

from sightwright.config.load import load_text
from sightwright.errors import ConfigError

OLDER = {
    "training: {warmup_ratio: 0.03}": ("training", "warmup_steps", 0.03),
    "training: {gradient_checkpointing: true}": ("training", "activation_checkpointing", True),
    "training: {group_by_length: true}": (
        "training",
        "train_sampling_strategy",
        "group_by_length",
    ),
    "training: {group_by_length: false}": ("training", "train_sampling_strategy", "random"),
    "training: {evaluation_strategy: steps}": ("training", "eval_strategy", "steps"),
    "training: {no_cuda: true}": ("training", "use_cpu", True),
    "training: {adafactor: true}": ("training", "optim", "adafactor"),
    "tuner: {tuner_type: full}": ("tuner", "train_type", "full"),
    "custom: {jsonl: a.jsonl}": ("custom", "train_jsonl", "a.jsonl"),
}


@pytest.mark.parametrize(("text", "expected"), OLDER.items())
def test_an_older_name_is_read_as_the_present_one_with_a_note(
    text: str, expected: tuple[str, str, object]
) -> None:
    loaded = load_text(text, "x.yaml")
    section, key, value = expected
    assert getattr(getattr(loaded.config, section), key) == value
    assert len(loaded.notes) == 1
    assert f"read as {section}.{key}" in loaded.notes[0]
    assert loaded.provenance[f"{section}.{key}"].startswith("x.yaml:1 (older name ")


def test_safetensors_are_always_written() -> None:
    assert "says nothing any more" in load_text("training: {save_safetensors: true}").notes[0]
    with pytest.raises(ConfigError, match="always written as safetensors"):
        load_text("training: {save_safetensors: false}")


@pytest.mark.parametrize("value", ["1", "1.5", "-0.1", "x", "true"])
def test_a_warmup_ratio_is_a_share(value: str) -> None:
    with pytest.raises(ConfigError, match="must be a number from 0 to below 1"):
        load_text(f"training: {{warmup_ratio: {value}}}")


def test_both_names_at_once_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"given twice.*keep training\.warmup_steps"):
        load_text("training: {warmup_ratio: 0.1, warmup_steps: 5}")


def test_a_key_may_stand_where_ms_swift_takes_it() -> None:
    loaded = load_text(
        "training: {lora_rank: 8, dataloader_num_workers: 2, max_pixels: 65536}\n"
        "data: {max_length: 64, warmup_ratio: 0.1}\n"
        "rlhf: {truncation_strategy: delete}\n"
        "tuner: {seed: 5}\n",
        "x.yaml",
    )
    config = loaded.config
    assert config.tuner.lora_rank == 8
    assert config.data.dataloader_num_workers == 2
    assert config.template.max_pixels == 65536
    assert config.template.max_length == 64
    assert config.template.truncation_strategy == "delete"
    assert config.training.warmup_steps == 0.1
    assert config.training.seed == 5
    assert loaded.provenance["tuner.lora_rank"] == "x.yaml:1 (given as training.lora_rank)"


def test_a_key_in_two_sections_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"also given as tuner\.lora_rank on line 1"):
        load_text("tuner: {lora_rank: 8}\ntraining: {lora_rank: 4}\n")


def test_resume_from_checkpoint_means_two_things() -> None:
    config = load_text(
        "tuner: {resume_from_checkpoint: a}\ntraining: {resume_from_checkpoint: b}\n"
    ).config
    assert config.tuner.resume_from_checkpoint == "a"
    assert config.training.resume_from_checkpoint == "b"
