"""`config explain`: what is said of every key."""

import json

import jsonschema
import pytest
from typer.testing import CliRunner

from sightwright.cli.config import app
from sightwright.config.describe import entries, explained, keys_below, sections
from sightwright.config.fields import section_keys
from sightwright.config.json_schema import json_schema
from sightwright.config.resolved import resolved_values
from sightwright.config.schema import Config
from sightwright.config.transformers_arguments import TransformersArguments
from sightwright.config.tree import plain
from sightwright.config.yaml_source import parse_yaml
from sightwright.errors import ConfigError

RUNNER = CliRunner()


def test_every_key_is_described_with_an_example_that_is_valid() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    for key, entry in entries().items():
        assert entry.meaning and entry.type and entry.example, key
        assert "see the field" not in entry.meaning, key
        assert len(entry.example.splitlines()) <= 2, key
        root, problems = parse_yaml(entry.example, "x.yaml")
        assert problems == []
        assert list(validator.iter_errors(plain(root))) == [], entry.example


def test_the_generated_table_is_described_too() -> None:
    for name, field in TransformersArguments.model_fields.items():
        assert field.description and "TrainingArguments" not in field.description, name


def test_no_key_is_missing() -> None:
    known = set(entries())
    assert {key for key, _ in resolved_values(Config())} <= known
    assert [entry.key for entry in sections()][:4] == [
        "extends",
        "inherit",
        "global_max_length",
        "model",
    ]
    for section in section_keys():
        assert keys_below(section), section


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ("tuner.lora_rank", ["tuner.lora_rank"]),
        ("lora_rank", ["tuner.lora_rank"]),
        ("training.lora_rank", ["tuner.lora_rank"]),
        ("training.warmup_ratio", ["training.warmup_steps"]),
        ("warmup_ratio", ["training.warmup_steps"]),
        ("data.warmup_ratio", ["training.warmup_steps"]),
        ("custom.jsonl", ["custom.train_jsonl"]),
        ("resume_from_checkpoint", ["tuner.resume_from_checkpoint",
                                    "training.resume_from_checkpoint"]),
        ("dataloader_num_workers", ["data.dataloader_num_workers"]),
        ("custom.augmentation.ops[2].name", ["custom.augmentation.ops.name"]),
        ("budget", ["data.batching.budget"]),
        ("tuner", ["tuner"]),
        ("extends", ["extends"]),
        ("global_max_length", ["global_max_length"]),
    ],
)  # fmt: skip
def test_a_key_is_found_by_any_of_its_names(wanted: str, keys: list[str]) -> None:
    assert [entry.key for entry in explained(wanted)] == keys


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("lora_rnk", "unknown key 'lora_rnk'\n  remedy: nearest: tuner.lora_rank, "
            "tuner.vera_rank, tuner.lora_dropout"),
        ("tuner.learning_rat", "unknown key 'tuner.learning_rat'\n  remedy: nearest: "
            "training.learning_rate"),
        ("qqqq", "unknown key 'qqqq'\n  remedy: sightwright config explain (without a key) lists "
            "the sections"),
        ("custom.lora_rank", "unknown key 'custom.lora_rank'\n  remedy: nearest: tuner.lora_rank"),
        ("packing", "packing: removed: packing is gone, every sample is trained alone with its own "
            "positions\n  remedy: delete it; data.batching says how a batch is laid out"),
        ("custom.hard_sample_mining", "custom.hard_sample_mining: removed on 2025-11-27: samples "
            "are no longer mined by their loss\n  remedy: delete it; weight the data through the "
            "fusion ratios"),
        ("grpo_chord", "grpo_chord: moved\n  remedy: write its keys under rlhf, as rlhf.chord_*"),
        ("training.deepspeed", "training.deepspeed: no key of this YAML\n  remedy: its place is "
            "the section deepspeed: {enabled: true, config: zero2}"),
        ("local_rank", "local_rank: no key of this YAML\n  remedy: its place is nowhere: torchrun "
            "sets it"),
        ("save_safetensors", "save_safetensors: older key that says nothing any more\n  remedy: "
            "delete it"),
    ],
)  # fmt: skip
def test_a_key_that_is_none_is_answered_with_what_to_do(wanted: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explained(wanted)
    assert str(caught.value) == says
    assert caught.value.exit_code == 2


def test_the_types_are_told_in_words() -> None:
    known = entries()
    assert known["tuner.lora_rank"].type == "whole number above 0"
    assert known["tuner.lora_dropout"].type == "number at least 0 and below 1"
    assert known["template.max_pixels"].type == "whole number above 0 or null"
    assert known["tuner.modules_to_save"].type == "list of texts"
    assert known["deepspeed"].type == "mapping or null"
    assert known["data.batching.type"].allowed == ("padding_free", "padded", "tokens")
    assert known["data.batching.budget"].required
    assert known["tuner.target_modules"].default == ["all-linear"]


def test_what_this_version_cannot_run_is_said() -> None:
    known = entries()
    assert known["export.max_shard_size"].read_by in ((), ("merge",))
    assert {"train", "eval"} <= set(known["prompts.user"].read_by)
    assert known["training.torch_compile"].limits == (
        "only false is accepted: compiling the whole forward means a new compilation at every "
        "batch shape",
    )
    assert known["rlhf.beta"].limits[0].startswith("train refuses rlhf.rlhf_type: GKD and GRPO")
    assert known["tuner.lora_rank"].limits == ()


def test_the_command_prints_an_entry() -> None:
    result = RUNNER.invoke(app, ["explain", "warmup_ratio"])
    assert result.exit_code == 0
    assert result.stdout == (
        "training.warmup_steps  steps of the warmup; below 1, their share of the run\n"
        "  type                 number at least 0\n"
        "  default              0.0\n"
        "  also                 training.warmup_ratio (older name); under model, quantization, "
        "data, template, tuner, rlhf (as ms-swift takes it)\n"
        "  read by              train\n"
        "  example\n"
        "    training:\n"
        "      warmup_steps: 0.03\n"
    )


def test_the_command_prints_tables() -> None:
    every = RUNNER.invoke(app, ["explain"])
    assert every.exit_code == 0
    assert "deepspeed" in every.stdout
    section = RUNNER.invoke(app, ["explain", "quantization"])
    assert "quantization.bnb_4bit_quant_type" in section.stdout
    assert "nf4, fp4" in section.stdout


def test_the_command_speaks_json() -> None:
    (found,) = json.loads(RUNNER.invoke(app, ["explain", "lora_alpha", "--json"]).stdout)["keys"]
    assert found["key"] == "tuner.lora_alpha"
    assert found["default"] == 32
    every = json.loads(RUNNER.invoke(app, ["explain", "--json"]).stdout)["keys"]
    assert [entry["key"] for entry in every][-1] == "serve"


def test_an_unknown_key_ends_with_2() -> None:
    result = RUNNER.invoke(app, ["explain", "lora_rnk"])
    assert isinstance(result.exception, ConfigError)
