"""The JSON Schema for editors: it takes what the loader takes, and catches a typo."""

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from test_config_fuzz import value
from typer.testing import CliRunner

from sightwright.cli.config import app
from sightwright.config.fields import FLAT_SECTIONS, section_keys
from sightwright.config.json_schema import HINT, json_schema
from sightwright.config.load import load_text
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.tree import plain
from sightwright.config.yaml_source import parse_yaml

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path
    for path in (ROOT / "configs").rglob("*.yaml")
    if path.parent.name not in ("accelerate", "dataset_mix")
)
SNIPPETS = sorted((Path(__file__).parent / "snippets").glob("*.yaml"))
RUNNER = CliRunner()


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def mistakes(validator: Any, text: str) -> list[str]:
    root, problems = parse_yaml(text, "x.yaml")
    assert problems == []
    return [error.message for error in validator.iter_errors(plain(root))]


@pytest.mark.parametrize("path", [*SHIPPED, *SNIPPETS], ids=lambda path: path.stem)
def test_what_is_shipped_and_what_the_documents_show_is_valid(validator: Any, path: Path) -> None:
    assert mistakes(validator, path.read_text(encoding="utf-8")) == []


TAKEN = [
    "",
    "extends: [a.yaml, b.yaml]\ninherit: c.yaml",
    "global_max_length: 4096",
    "training:\ncustom:\ndeepspeed:",
    "training: {warmup_ratio: 0.1, evaluation_strategy: steps, gradient_checkpointing: true}",
    "training: {group_by_length: true, no_cuda: false, save_safetensors: true}",
    "training: {per_gpu_train_batch_size: 2, adafactor: false, eval_strategy: no}",
    "custom: {jsonl: a.jsonl}\ntuner: {tuner_type: full}\ndata: {eval_dataset: [dummy]}",
    "training: {lora_rank: 8, max_pixels: 65536}\nrlhf: {seed: 3, warmup_ratio: 0.1}",
    "tuner: {target_modules: 'q_proj;k_proj', init_weights: gaussian}",
    "data: {batching: {type: tokens, budget: 4096}}",
    "training: {bf16: auto, learning_rate: 1e-5, report_to: [tensorboard]}",
    "deepspeed: {enabled: true, config: {zero_optimization: {stage: 2}}}",
    "custom: {extra: {anything: [1, {a: b}]}}",
    "custom: {augmentation_curriculum: {phases: [{until_step: 3, ops: {hflip: {prob: 1}}}]}}",
]


@pytest.mark.parametrize("text", TAKEN)
def test_what_the_loader_takes_is_valid(validator: Any, text: str) -> None:
    if "extends" not in text:
        load_text(text)
    assert mistakes(validator, text) == []


MISTAKES = [
    "tunr: {}",
    "tuner: {lora_rnk: 3}",
    "tuner: {lora_rank: 0}",
    "training: {learning_rate: fast}",
    "training: {lora_rank: x}",
    "training: {warmup_ratio: 2}",
    "training: {save_safetensors: false}",
    "training: {packing: true}",
    "training: {lr_scheduler_type: cosin}",
    "data: {batching: {type: token}}",
    "data: {batching: {type: tokens}}",
    "custom: {lora_rank: 3}",
    "custom: {visual_kd: {vitt: {}}}",
    "custom: {augmentation: {ops: [{name: hflipp}]}}",
    "deepspeed: {config: zero2}",
    "export: {max_shard_size: big}",
    "- a",
]


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_not(validator: Any, text: str) -> None:
    root = [] if text == "- a" else plain(parse_yaml(text, "x.yaml")[0])
    assert not validator.is_valid(root)


@pytest.mark.parametrize("section", section_keys())
def test_a_typo_is_caught_in_every_section(validator: Any, section: str) -> None:
    assert mistakes(validator, f"{section}: {{no_such_key: 1}}")


def one_key(rng: random.Random) -> str:
    section = rng.choice([*section_keys()])
    keys = sorted(section_keys()[section])
    return f"{section}: {{{rng.choice(keys)}: {value(rng, 1)}}}"


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_loader_takes_is_valid(validator: Any, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    taken = 0
    for _ in range(300):
        text = one_key(rng)
        try:
            load_text(text, "x.yaml", tmp_path)
        except ConfigProblemsError:
            continue
        taken += 1
        assert mistakes(validator, text) == [], text
    assert taken > 20


def test_every_key_of_a_flat_section_is_offered_by_the_others() -> None:
    elsewhere = json_schema()["$defs"]["KeysOfOtherSections"]["properties"]
    twice = {"resume_from_checkpoint"}
    keys = {key for section in FLAT_SECTIONS for key in section_keys()[section]}
    assert keys - set(elsewhere) == twice
    assert elsewhere["lora_rank"]["description"] == "rank r of an adapter (its place is tuner)"


def test_every_key_has_a_description_and_its_default() -> None:
    schema = json_schema()
    for name, definition in schema["$defs"].items():
        for key, field in definition["properties"].items():
            assert field.get("description"), f"{name}.{key}"
    rank = schema["$defs"]["Tuner"]["properties"]["lora_rank"]
    assert (rank["default"], rank["exclusiveMinimum"]) == (16, 0)
    older = schema["$defs"]["Training"]["properties"]["warmup_ratio"]
    assert older["deprecated"] is True
    assert older["description"] == "older name of training.warmup_steps"


def test_the_command_prints_it_and_writes_it(tmp_path: Path) -> None:
    printed = RUNNER.invoke(app, ["schema"])
    assert json.loads(printed.stdout) == json_schema()
    one_line = RUNNER.invoke(app, ["schema", "--json"])
    assert one_line.stdout.count("\n") == 1
    assert json.loads(one_line.stdout) == json_schema()
    path = tmp_path / "editor.schema.json"
    written = RUNNER.invoke(app, ["schema", "--out", str(path)])
    assert json.loads(path.read_text(encoding="utf-8")) == json_schema()
    assert f"{HINT}{path}" in written.stdout
    assert json.loads(RUNNER.invoke(app, ["schema", "--out", str(path), "--json"]).stdout) == {
        "file": str(path),
        "hint": f"{HINT}{path}",
    }
    assert "# yaml-language-server: $schema=" in RUNNER.invoke(app, ["schema", "--help"]).stdout
