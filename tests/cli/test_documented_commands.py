"""Every command line of the user's documents 003 (index) and 004 (playbook), and what a reader
types here in its place; run at tiny size, in their order, in a folder that looks like a checkout.
Python is started once for all of them (`warm_commands`).

Left out are those of distillation, GRPO and the stages A and B.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from sightwright.draw.scene_sets import draw_scenes
from sightwright.model.load import resolve_folder
from warm_commands import Warm

ROOT = Path(__file__).parents[2]

# What the reader writes into the copy of base.yaml: paths and hyperparameters.
MY_EXPERIMENT: dict[str, Any] = {
    "global_max_length": 2048,
    "model": {"model": "base/Qwen3-VL", "torch_dtype": "float32"},
    "template": {"max_pixels": 16384},
    "data": {"dataset": ["dummy"]},
    "task": {"type": "dense", "max_output_tokens": 16},
    "prompts": {"system": "Inspection.", "user": "List all parts."},
    "custom": {"train_jsonl": "data/bbu.jsonl", "val_jsonl": "data/bbu.jsonl"},
    "tuner": {"train_type": "lora", "lora_rank": 4, "target_modules": ["all-linear"]},
    "training": {
        "output_dir": "output",
        "run_name": "my_experiment",
        "max_steps": 2,
        "per_device_train_batch_size": 1,
        "learning_rate": 1e-4,
        "use_cpu": True,
        "eval_strategy": "no",
    },
}
# The same, for a run of another name.
CONFIG = {
    "extends": "configs/my_experiment.yaml",
    "training": {"run_name": "debugged", "max_steps": 1},
}
LAUNCHED = {"extends": "my_experiment.yaml", "training": {"run_name": "launched", "max_steps": 1}}
MIXTURE = {
    "targets": [{"name": "bbu", "dataset": "bbu", "train_jsonl": "../data/bbu.jsonl",
                 "template": "target_dense_bbu"}],
    "sources": [{"name": "more", "dataset": "lvis", "train_jsonl": "../data/bbu.jsonl",
                 "template": "source_dense", "ratio": 0.5}],
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A documented command line.

    Attributes:
        document, line: where it stands, and how.
        ours: what does the same here; `checkpoint-2` is the documents' `checkpoint-XXX`.
        says: part of what it prints; empty where it prints nothing.
        leaves: what is there afterwards.
        writes: YAML files that the reader writes after it.
    """

    document: str
    line: str
    ours: str
    says: str = ""
    leaves: str = ""
    stdin: str = ""
    writes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


COMMANDS = (
    Command(
        "003, quick start 2",
        "cp configs/base.yaml configs/my_experiment.yaml",
        "cp configs/base.yaml configs/my_experiment.yaml",
        leaves="configs/my_experiment.yaml",
        writes={
            "configs/my_experiment.yaml": MY_EXPERIMENT,
            "configs/launched.yaml": LAUNCHED,
            "config.yaml": CONFIG,
            "configs/mixture.yaml": MIXTURE,
        },
    ),
    Command(
        "003, quick start 3",
        "python -m src.sft --config configs/my_experiment.yaml",
        "python -m src.sft --config configs/my_experiment.yaml",
        "output/my_experiment/checkpoint-2",
        "output/my_experiment/checkpoint-2/adapter_model.safetensors",
    ),
    Command(
        "003, quick start 4",
        "CUDA_VISIBLE_DEVICES=0 conda run -n ms swift infer --model /path/to/base/Qwen3-VL "
        "--adapters output/my_experiment/checkpoint-XXX",
        "CUDA_VISIBLE_DEVICES=0 sightwright infer --model base/Qwen3-VL "
        "--adapters output/my_experiment/checkpoint-2 --max_new_tokens 4 --stream true "
        "--temperature 0",
        "a conversation",
        stdin="What is in <image>?\npage.png\nexit\n",
    ),
    Command(
        "003, quick start 4",
        "CUDA_VISIBLE_DEVICES=0 conda run -n ms swift export --model /path/to/base/Qwen3-VL "
        "--adapters output/my_experiment/checkpoint-XXX --merge_lora true "
        "--output_dir output/merged/checkpoint-XXX --safe_serialization true --max_shard_size 5GB",
        "CUDA_VISIBLE_DEVICES=0 sightwright export --model base/Qwen3-VL "
        "--adapters output/my_experiment/checkpoint-2 --merge_lora true "
        "--output_dir output/merged/checkpoint-2 --safe_serialization true --max_shard_size 5GB",
        "output/merged/checkpoint-2",
        "output/merged/checkpoint-2/model.safetensors",
    ),
    Command(
        "003, project structure",
        "scripts/merge_stage2_lora.sh",
        "bash scripts/merge_stage2_lora.sh output/my_experiment output/merged/again",
        "my_experiment/checkpoint-2 into base/Qwen3-VL",
        "output/merged/again/config.json",
    ),
    Command(
        "003, project structure",
        "scripts/inspect_lora_ckpts.py",
        "python scripts/inspect_lora_ckpts.py --paths output/my_experiment/checkpoint-2 "
        "output/merged/again",
        '"has_adapter_config": true',
    ),
    Command(
        "004, training essentials",
        "sft.prepare_model(...)",
        "python -c 'from sightwright import train; print(train.prepare_model.__name__)'",
        "prepare_model",
    ),
    Command(
        "004, debug mode",
        "python -m src.sft --config config.yaml --debug",
        "python -m src.sft --config config.yaml --base_config configs/base.yaml --debug",
        "<|im_start|>assistant",
        "output/debugged/checkpoint-1/adapter_model.safetensors",
    ),
    Command(
        "004, tooling and scripts",
        "scripts/train.sh (DEBUG=true)",
        "config=launched DEBUG=true bash scripts/train.sh",
        "<|im_start|>assistant",
        "output/launched/logging.jsonl",
    ),
    Command(
        "004, tooling and scripts",
        "scripts/fuse_datasets.py",
        "python scripts/fuse_datasets.py --config configs/mixture.yaml --output data/fused.jsonl",
        leaves="data/fused.jsonl",
    ),
    Command(
        "004, config catalogue",
        "data_conversion/convert_dataset.sh",
        "DATASET=bbu MODE=smoke INPUT_DIR=raw OUTPUT_DIR=data DATASET_NAME=bbu_full NUM_WORKERS=0 "
        "bash data_conversion/convert_dataset.sh",
        leaves="data/bbu_full_smoke/all_samples.jsonl",
    ),
    Command(
        "004, config catalogue",
        "public_data/ (converters)",
        "python public_data/convert_coco.py --split train --annotations coco.json --images . "
        "--num-workers 0 --out data/coco",
        leaves="data/coco/train.jsonl",
    ),
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts and sources, a base, drawn scenes, annotations, and a page."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src", "scripts", "data_conversion", "public_data"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "configs").mkdir()
    shutil.copy(ROOT / "configs" / "base.yaml", folder / "configs")
    shutil.copytree(resolve_folder("tiny"), folder / "base" / "Qwen3-VL")
    draw_scenes(3, 0, folder / "data", domain="bbu")
    Image.new("RGB", (64, 64), "white").save(folder / "page.png")
    _write_annotations(folder)
    return folder


def _write_annotations(folder: Path) -> None:
    """One photograph for the converter of the documents, and one in COCO's form."""
    (folder / "raw").mkdir()
    Image.new("RGB", (64, 96)).save(folder / "raw" / "0.jpeg")
    entry = {"coordinates": [[8, 8], [40, 40]], "properties": {"contentZh": {"类别": "电线"}}}
    raw = {"info": {"width": 64, "height": 96}, "dataList": [entry]}
    (folder / "raw" / "0.json").write_text(json.dumps(raw))
    coco = {
        "images": [{"id": 0, "width": 64, "height": 64, "file_name": "page.png"}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [8, 8, 16, 16]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (folder / "coco.json").write_text(json.dumps(coco))


@pytest.fixture(scope="module")
def done(checkout: Path, warm: Warm) -> list[subprocess.CompletedProcess[str]]:
    return [_run(checkout, command, warm) for command in COMMANDS]


def _run(folder: Path, command: Command, warm: Warm) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{warm.path}:{os.environ['PATH']}",
        "PYTHON": "python",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["bash", "-c", command.ours],
        cwd=folder, env=environment, input=command.stdin,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    for name, values in command.writes.items():
        _write_yaml(folder / name, values)
    return done


def _write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Lay `values` over what the file says already, as one who edits it would."""
    yaml = YAML()
    content: dict[str, Any] = yaml.load(path) if path.is_file() else {}
    for key, value in values.items():
        old = content.get(key)
        content[key] = {**old, **value} if isinstance(old, dict) else value
    yaml.dump(content, path)


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=[one.line[:48] for one in COMMANDS])
def test_the_command_does_what_is_documented(
    checkout: Path, done: list[subprocess.CompletedProcess[str]], number: int
) -> None:
    command, one = COMMANDS[number], done[number]
    printed = one.stdout + one.stderr
    assert one.returncode == 0, printed
    assert "Traceback" not in printed
    assert command.says in printed
    assert (checkout / command.leaves).exists()


def test_the_merged_folder_is_the_adapters_model(
    checkout: Path, done: list[subprocess.CompletedProcess[str]]
) -> None:
    """Both roads write the same weights, and `infer` answered without an error."""
    first, again = (
        checkout / "output" / "merged" / name / "model.safetensors"
        for name in ("checkpoint-2", "again")
    )
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != (checkout / "base/Qwen3-VL/model.safetensors").read_bytes()
    assert "error" not in done[2].stderr


def test_the_mixture_has_the_target_and_half_of_the_source(
    checkout: Path, done: list[subprocess.CompletedProcess[str]]
) -> None:
    lines = (checkout / "data" / "fused.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    sets = sorted(record["metadata"]["_fusion_source"] for record in records)
    assert sets == ["bbu", "bbu", "bbu", "more", "more"]
