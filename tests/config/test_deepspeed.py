"""`deepspeed`: presets, files and mappings become what DeepSpeed is told."""

import json
from pathlib import Path

import pytest

from sightwright.config.deepspeed_presets import PRESETS, settings, stage_of
from sightwright.config.load import load_config, load_text
from sightwright.config.schema import Config


def config_of(text: str) -> Config:
    return load_text(f"deepspeed: {{enabled: true, config: {text}}}\n").config


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_leaves_to_the_run_what_the_run_says(name: str) -> None:
    found = settings(name)
    assert stage_of(name) == found["zero_optimization"]["stage"] == int(name[4])
    for key in ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_clipping"):
        assert found[key] == "auto"
    assert found["bf16"] == found["fp16"] == {"enabled": "auto"}
    assert "optimizer" not in found


def test_what_each_preset_shards_and_offloads() -> None:
    zero = {name: settings(name)["zero_optimization"] for name in PRESETS}
    assert zero["zero0"] == {"stage": 0}
    assert zero["zero1"] == {"stage": 1}
    assert zero["zero3"]["stage3_gather_16bit_weights_on_model_save"] is True
    offloaded = {name: [key for key in each if "offload" in key] for name, each in zero.items()}
    assert offloaded["zero2_offload"] == ["offload_optimizer"]
    assert offloaded["zero3_offload"] == ["offload_optimizer", "offload_param"]
    assert not offloaded["zero2"]
    assert not offloaded["zero3"]


def test_a_mapping_is_completed_and_wins() -> None:
    section = config_of("{zero_optimization: {stage: 1}, gradient_clipping: auto}").deepspeed
    assert section is not None
    told = section.settings()
    assert told is not None
    assert told["zero_optimization"] == {"stage": 1}
    assert told["train_batch_size"] == "auto"
    assert section.stage == 1


def test_a_file_is_looked_up_beside_the_yaml(tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text(json.dumps({"zero_optimization": {"stage": 3}}))
    (tmp_path / "run.yaml").write_text("deepspeed: {enabled: true, config: ds.json}\n")
    loaded = load_config(tmp_path / "run.yaml")
    assert loaded.config.deepspeed is not None
    assert loaded.config.deepspeed.config == {"zero_optimization": {"stage": 3}}
    assert loaded.config.deepspeed.stage == 3
    assert loaded.provenance["deepspeed.config"].endswith("run.yaml:1 (ds.json)")


def test_a_section_that_is_off_says_nothing() -> None:
    section = load_text("deepspeed: {enabled: false, config: zero3}\n").config.deepspeed
    assert section is not None
    assert section.stage is None
    assert section.settings() is None
