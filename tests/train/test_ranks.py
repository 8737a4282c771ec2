"""Two processes count and weigh tokens as one process with the same samples does."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAUNCHERS = {
    "torchrun": ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
    "accelerate": [
        *("-m", "accelerate.commands.launch", "--num_processes", "2"),
        *("--config_file", "configs/accelerate/ddp.yaml"),
    ],
}
MOMENTARY = ("seconds", "runtime", "per_second", "data_wait_share")
ANSWERS = ["a", '{"total":"12.50","date":"2024-01-31"}', "no", '{"name":"North Pier Supplies"}']


def first_loss(config: dict[str, object], folder: Path, launcher: list[str]) -> dict[str, float]:
    return lines_of(config, folder, launcher)[0]


def lines_of(
    config: dict[str, object], folder: Path, launcher: list[str]
) -> list[dict[str, float]]:
    """The log of a run, without the figures of its speed."""
    path = folder / "run.yaml"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "src.sft", "--config", str(path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    log = Path(str(config["training"]["output_dir"])) / "logging.jsonl"  # type: ignore[index]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if not key.endswith(MOMENTARY)} for line in lines
    ]


@pytest.mark.slow
def test_two_ranks_take_the_same_step_as_one(
    tmp_path: Path, write_records: Callable[..., Path]
) -> None:
    records = str(write_records(ANSWERS))

    def config(name: str) -> dict[str, object]:
        return {
            "model": {"model": "tiny"},
            "global_max_length": 128,
            "tuner": {"lora_dropout": 0.0},
            "custom": {"train_jsonl": records},
            "training": {
                "output_dir": str(tmp_path / name),
                "max_steps": 1,
                "per_device_train_batch_size": 1,
                "effective_batch_size": 4,
                "use_cpu": True,
                "ddp_backend": "gloo",
                "save_strategy": "no",
            },
        }

    one = first_loss(config("one"), tmp_path, [])
    for name, launcher in LAUNCHERS.items():
        two = first_loss(config(name), tmp_path, launcher)
        assert two["train/loss"] == pytest.approx(one["train/loss"], rel=1e-5)
        assert two["train/grad_norm"] == pytest.approx(one["train/grad_norm"], rel=1e-4)
        assert two["train/token_acc"] == pytest.approx(one["train/token_acc"], rel=1e-6)


@pytest.mark.slow
def test_two_ranks_share_a_short_step_and_resume_to_the_last_digit(
    tmp_path: Path, write_records: Callable[..., Path]
) -> None:
    """Five records, four a step: in every second step one rank has no record of its own."""
    records = str(write_records([*ANSWERS, "the fifth"]))

    def config(name: str, **training: object) -> dict[str, object]:
        return {
            "model": {"model": "tiny"},
            "global_max_length": 128,
            "tuner": {"lora_dropout": 0.2 if "exact" in name else 0.0},
            "custom": {"train_jsonl": records, "val_jsonl": records},
            "training": {
                "output_dir": str(tmp_path / name),
                "num_train_epochs": 2,
                "per_device_train_batch_size": 1,
                "effective_batch_size": 4,
                "logging_steps": 1,
                "eval_strategy": "epoch",
                "save_steps": 1,
                "use_cpu": True,
                "ddp_backend": "gloo",
                **training,
            },
        }

    two = LAUNCHERS["torchrun"]
    alone = lines_of(config("alone"), tmp_path, [])
    shared = lines_of(config("shared"), tmp_path, two)
    assert [line["step"] for line in shared] == [1, 2, 2, 3, 4, 4, 4]
    for one, other in zip(alone, shared, strict=True):
        for key in ("train/loss", "train/grad_norm", "train/token_acc", "eval/loss", "epoch"):
            assert (key in one) == (key in other)
            assert one.get(key, 0.0) == pytest.approx(other.get(key, 0.0), rel=1e-4), key
    whole = lines_of(config("exact"), tmp_path, two)
    from_two = {"resume_from_checkpoint": str(tmp_path / "exact" / "checkpoint-2")}
    resumed = lines_of(config("exact-again", **from_two), tmp_path, two)
    assert resumed == [line for line in whole if line["step"] > 2]
