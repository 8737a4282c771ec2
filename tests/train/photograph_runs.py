"""Runs on photographs: what their tests share."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightwright.jsonl import write_all

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


def write_photographs(folder: Path) -> None:
    """Six photographs of two objects and a summary each, and a mixture of them."""
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
        token_type_metrics={"enabled": True, "exclude": ["bbu_summary"]},
    )
