"""How a run lies on its processes, by its YAML or by the file that accelerate launched it with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sightwright import extras
from sightwright.config.load import load_text
from sightwright.config.schema import Config
from sightwright.errors import ConfigError, MissingExtraError
from sightwright.train.sharding import WHOLE, Sharding, fsdp_arguments, sharding_of


def config(text: str = "") -> Config:
    return load_text(text).config


@pytest.mark.parametrize(
    ("text", "found", "in_shards"),
    [
        ("", WHOLE, False),
        ("deepspeed: {enabled: false, config: zero3}", WHOLE, False),
        ("deepspeed: {enabled: true, config: zero0}", Sharding("deepspeed", 0), False),
        ("deepspeed: {enabled: true, config: zero2_offload}", Sharding("deepspeed", 2), False),
        ("deepspeed: {enabled: true, config: zero3}", Sharding("deepspeed", 3), True),
        ("training: {fsdp: full_shard auto_wrap}", Sharding("fsdp"), True),
    ],
)
def test_the_yaml_says_so(text: str, found: Sharding, in_shards: bool) -> None:
    assert sharding_of(config(text), {}) == found
    assert found.shards_weights is in_shards


def test_accelerate_launch_says_so(tmp_path: Path) -> None:
    assert sharding_of(config(), {"ACCELERATE_USE_FSDP": "true"}) == Sharding("fsdp")
    assert sharding_of(config(), {"ACCELERATE_USE_FSDP": "false"}) == WHOLE
    zero3 = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}
    assert sharding_of(config(), zero3) == Sharding("deepspeed", 3)
    (tmp_path / "ds.json").write_text(json.dumps({"zero_optimization": {"stage": 1}}))
    by_file = {**zero3, "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(tmp_path / "ds.json")}
    assert sharding_of(config(), by_file) == Sharding("deepspeed", 1)


def test_quantised_weights_are_not_put_in_shards() -> None:
    qlora = config("tuner: {train_type: qlora}")
    assert sharding_of(qlora, {}) == WHOLE
    with pytest.raises(ConfigError, match=r"quantised weights.*\n.*zero2"):
        sharding_of(qlora, {"ACCELERATE_USE_FSDP": "1"})


def test_fsdp_in_the_words_of_older_versions() -> None:
    assert fsdp_arguments("full_shard auto_wrap", None) == {
        "fsdp": True,
        "fsdp_config": {"version": 2, "reshard_after_forward": True},
    }
    assert fsdp_arguments("shard_grad_op offload", {"activation_checkpointing": True}) == {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "reshard_after_forward": False,
            "cpu_offload": True,
            "activation_checkpointing": True,
        },
    }
    assert fsdp_arguments("full_shard", "fsdp.json") == {"fsdp": True, "fsdp_config": "fsdp.json"}
    with pytest.raises(ConfigError, match="'hybrid_shard' is none of full_shard"):
        fsdp_arguments("hybrid_shard", None)


def test_deepspeed_that_is_missing_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(MissingExtraError, match=r'pip install "sightwright\[deepspeed\]"'):
        sharding_of(config("deepspeed: {enabled: true, config: zero2}"), {})
    assert extras.require("json", "x") is json


@pytest.mark.slow
def test_deepspeed_runs_in_one_process_without_a_launcher(tmp_path: Path) -> None:
    """As `python -m src.sft`, with one of the documents' YAMLs."""
    answers = {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    }
    (tmp_path / "r.jsonl").write_text(json.dumps({"id": "1", **answers}) + "\n")
    run = {
        "model": {"model": "tiny", "torch_dtype": "float32"},
        "global_max_length": 64,
        "custom": {"train_jsonl": str(tmp_path / "r.jsonl")},
        "deepspeed": {"enabled": True, "config": "zero2"},
        "training": {"output_dir": str(tmp_path / "out"), "max_steps": 1},
    }
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    done = subprocess.run(
        [sys.executable, "-m", "src.sft", "--config", str(tmp_path / "run.yaml")],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out/checkpoint-1/adapter_model.safetensors").is_file()
