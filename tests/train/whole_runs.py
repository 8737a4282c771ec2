"""Whole runs in processes of their own, which die where they are told to."""

import faulthandler
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from forking import context
from sightwright.jsonl import write_all

WriteRun = Callable[..., Path]
"""Write a configuration whose run goes into the folder `out` beside it; sections are merged in."""

SCHEMA = {
    "type": "object",
    "properties": {
        "total": {"type": "string", "maxLength": 5},
        "date": {"type": "string", "maxLength": 4},
    },
}
# Of this moment, or of the processes that lived then.
MOMENTARY = {
    "seconds",
    "train/runtime",
    "train/samples_per_second",
    "train/steps_per_second",
    "train/tokens_per_second",
    "train/answer_tokens_per_second",
    "train/data_wait_share",
}


@dataclass(frozen=True)
class Kill:
    """Where a run dies: inside step `step`, or while it writes the checkpoint of it."""

    step: int
    inside: Literal["step", "weights", "optimizer", "marker", "rotation", "summary"]


def in_child(config: Path, kill: Kill | None = None) -> int:
    """Train in a process of its own; its exit code."""
    return child(train_until, config, kill)


def child(target: Callable[..., None], *arguments: object) -> int:
    process = context().Process(target=target, args=arguments)
    process.start()
    process.join(300)
    assert process.exitcode is not None
    return process.exitcode


def train_until(config: Path, kill: Kill | None) -> None:
    import torch

    from sightwright.train.sft import train

    faulthandler.enable()  # A crash says where.
    torch.set_num_threads(1)
    # A child of a fork server would start the loader's workers by one as well; Linux forks.
    multiprocessing.set_start_method("fork", force=True)
    if kill is not None:
        arm(kill)
    train(config)


def arm(kill: Kill) -> None:
    """Put a SIGKILL to this process into the way of the run."""
    from peft import PeftModel
    from transformers import Trainer

    from sightwright.train import checkpoints
    from sightwright.train.callbacks import JsonlLog

    owner, name = {
        "step": (Trainer, "training_step"),
        "weights": (PeftModel, "save_pretrained"),
        "optimizer": (Trainer, "_save_rng_state"),
        "marker": (checkpoints, "mark_complete"),
        "rotation": (checkpoints.shutil, "rmtree"),
        "summary": (JsonlLog, "on_train_end"),
    }[kill.inside]
    calls = {"steps": 0, "at": 0}
    count_steps(calls)
    original = getattr(owner, name)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if current_step(calls, kill.inside) == kill.step:
            if kill.inside == "weights":
                original(*args, **kwargs)
            if kill.inside == "rotation":
                next(Path(args[0]).glob("*.safetensors")).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, deadly)


def count_steps(calls: dict[str, int]) -> None:
    from sightwright.train.flow import PlanFlow

    original, begin = PlanFlow.on_step_end, PlanFlow.on_train_begin

    def began(self: PlanFlow, args: Any, state: Any, control: Any, **more: Any) -> None:
        calls["at"] = state.global_step
        begin(self, args, state, control, **more)

    def counted(self: PlanFlow, args: Any, state: Any, control: Any, **more: Any) -> None:
        calls["at"] = state.global_step
        original(self, args, state, control, **more)

    PlanFlow.on_train_begin = began  # type: ignore[method-assign]
    PlanFlow.on_step_end = counted  # type: ignore[method-assign]


def current_step(calls: dict[str, int], inside: str) -> int:
    return calls["at"] + 1 if inside == "step" else calls["at"]


def write_data(folder: Path) -> None:
    """Nine labelled images: with two a micro-batch and two micro-batches a step, an epoch ends in a
    short step of one short micro-batch."""
    rng = np.random.default_rng(0)
    records = []
    for index in range(9):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        content = [
            {"type": "image", "image": f"{index}.png"},
            {"type": "text", "text": "What is it?"},
        ]
        label = json.dumps({"total": f"{index}.50", "date": "2024"[: 1 + index % 4]})
        messages = [
            {"role": "user", "content": content},
            {"role": "assistant", "content": label},
        ]
        records.append({"id": f"doc-{index}", "messages": messages})
    write_all(folder / "docs.jsonl", records)
    (folder / "doc.schema.json").write_text(json.dumps(SCHEMA))


def configuration(folder: Path, out: Path, **sections: dict[str, object]) -> dict[str, Any]:
    records = str(folder / "docs.jsonl")
    config: dict[str, dict[str, object]] = {
        "model": {"model": "tiny", "torch_dtype": "float32"},
        "template": {"max_length": 256, "max_pixels": 65536},
        "tuner": {"lora_rank": 4, "lora_dropout": 0.2},
        "custom": {"train_jsonl": records, "val_jsonl": records},
        "task": {
            "type": "extract",
            "json_schema": str(folder / "doc.schema.json"),
            "max_output_tokens": 32,
        },
        "eval": {"max_records": 2, "batch_size": 2},
        "data": {"dataloader_num_workers": 2},
        "training": {
            "output_dir": str(out),
            "num_train_epochs": 3,
            "per_device_train_batch_size": 2,
            "effective_batch_size": 4,
            "learning_rate": 1e-2,
            "lr_scheduler_type": "cosine",
            "logging_steps": 3,
            "eval_strategy": "steps",
            "eval_steps": 4,
            "save_strategy": "steps",
            "save_steps": 2,
            "save_total_limit": 2,
            "resume_from_checkpoint": "latest",
            "seed": 7,
        },
    }
    for name, values in sections.items():
        config[name] = {**config.get(name, {}), **values}
    return config


def log_of(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "logging.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MOMENTARY} for line in lines]


def checkpoints_of(run: Path) -> list[str]:
    return sorted(path.name for path in run.glob("checkpoint-*"))
