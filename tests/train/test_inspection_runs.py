"""Runs on photographs: a mixture under augmentation, killed and resumed; groups; summaries."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from whole_runs import Kill, WriteRun, in_child, log_of

from sightwright import certificate
from sightwright.jsonl import write_all
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.taught import inspection_task_of
from sightwright.train.sft import train

CURRICULUM = {
    "phases": [
        {"until_percent": 50, "bypass_prob": 1.0},
        {"until_percent": 100, "bypass_prob": 0.0},
    ]
}
OPS = [
    {"name": "rotate", "params": {"max_deg": 20, "prob": 0.8}},
    {
        "name": "random_crop",
        "params": {"scale": [0.3, 0.5], "min_objects": 1, "skip_if_line": False},
    },
    {"name": "pad_to_multiple"},
]
SHORT = {"prompts": {"system": "Look.", "user": "List."}}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    records: list[dict[str, Any]] = []
    for index in range(6):
        pixels = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        objects = [
            {"desc": "类别=标签", "bbox_2d": [4, 4 + index, 20, 24]},
            {"desc": "类别=电线", "line": [40, 8, 90, 50]},
        ]
        counted = {"dataset": "BBU", "objects_total": 2, "统计": [{"类别": "标签"}]}
        records.append(
            {
                "id": f"p{index}",
                "images": [f"{index}.png"],
                "width": 96,
                "height": 64,
                "objects": objects,
                "summary": json.dumps(counted, ensure_ascii=False),
            }
        )
    write_all(folder / "train.jsonl", records)
    entry = f"train_jsonl: {folder}/train.jsonl, system_prompt: Look., user_prompt: List."
    (folder / "mix.yaml").write_text(
        f"targets:\n  - {{name: bbu, val_jsonl: {folder}/train.jsonl, "
        f"template: target_dense_bbu, {entry}}}\n"
        f"  - {{name: bbu_summary, dataset: bbu, val_jsonl: {folder}/train.jsonl, "
        f"template: summary_bbu, {entry}}}\n"
        f"sources:\n  - {{name: lvis, ratio: 0.5, template: source_dense, "
        f"max_objects_per_image: 1, {entry}}}\n",
        encoding="utf-8",
    )
    return folder


def sections(photographs: Path, **custom: Any) -> dict[str, dict[str, Any]]:
    return {
        "template": {"max_length": 1024},
        "custom": {
            "train_jsonl": None,
            "val_jsonl": None,
            "emit_norm": "norm1000",
            **custom,
        },
        "task": {"type": "dense", "json_schema": None, "max_output_tokens": 16},
        "eval": {"max_records": 1, "batch_size": 1},
        "training": {
            "num_train_epochs": 1,
            "max_steps": 5,
            "eval_steps": 5,
            "save_steps": 2,
            "logging_steps": 1,
        },
    }


def mixture(photographs: Path) -> dict[str, dict[str, Any]]:
    return sections(
        photographs,
        fusion_config=str(photographs / "mix.yaml"),
        assistant_prefix_format="<DOMAIN={domain}>, <TASK={task}>",
        augmentation={"enabled": True, "ops": OPS, "curriculum": CURRICULUM},
    )


def test_a_killed_run_of_a_mixture_under_augmentation_goes_on_as_if_it_had_not_been(
    write_run: WriteRun, photographs: Path
) -> None:
    whole, killed = write_run(**mixture(photographs)), write_run(**mixture(photographs))
    assert in_child(whole) == 0
    assert in_child(killed, Kill(4, "step")) == -signal.SIGKILL
    assert in_child(killed) == 0
    log = log_of(whole.parent / "out")
    assert log == log_of(killed.parent / "out")
    last = "checkpoint-5/adapter_model.safetensors"
    assert (whole.parent / "out" / last).read_bytes() == (killed.parent / "out" / last).read_bytes()
    evaluated = next(line for line in log if "eval/loss" in line)
    assert {"eval/object_f1", "eval/fact_f1"} <= set(evaluated)
    assert {"eval/bbu_object_f1", "eval/bbu_summary_fact_f1"} <= set(evaluated)
    lost = [line["train/objects_dropped"] for line in log if "train/loss" in line]
    assert lost == sorted(lost)
    assert lost[-1] > 0


def test_a_checkpoint_says_how_its_model_is_asked(write_run: WriteRun, photographs: Path) -> None:
    result = train(write_run(**mixture(photographs)))
    assert result.best_checkpoint is not None
    known = certificate.read(result.best_checkpoint)
    assert known is not None
    assert known.task is not None
    task = inspection_task_of(known.task)
    assert isinstance(task, DenseTask)
    assert task.header == "<DOMAIN=BBU>, <TASK=DETECTION>"
    assert (task.prompt.system, task.prompt.user) == ("Look.", "List.")
    outcome = json.loads((result.folder / "run.json").read_text(encoding="utf-8"))
    # Five steps of four are the epoch's 18 rows; those of the source, six, are not augmented.
    assert outcome["changes"]["images"] == 12


def test_groups_are_learnt(write_run: WriteRun, photographs: Path) -> None:
    parts = sections(
        photographs,
        train_jsonl=str(photographs / "train.jsonl"),
        val_jsonl=str(photographs / "train.jsonl"),
        legacy_pairing={"group_size": 3, "summary_ratio": 0.5},
    )
    result = train(write_run(**parts, **SHORT))
    assert result.num_steps == 5
    assert result.metrics["train/mean_loss"] > 0


def test_a_summary_run_is_marked_by_its_facts(write_run: WriteRun, photographs: Path) -> None:
    parts = sections(
        photographs,
        train_jsonl=str(photographs / "train.jsonl"),
        val_jsonl=str(photographs / "train.jsonl"),
        dataset_name="bbu",
    )
    parts["task"]["type"] = "summary"
    parts["training"]["max_steps"] = 1
    result = train(write_run(**parts, **SHORT))
    assert 0 <= result.metrics["eval/fact_f1"] <= 1
