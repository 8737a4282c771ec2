"""Killed with SIGKILL, started again: to the last digit the run that nobody killed."""

import json
import signal
from pathlib import Path

import pytest
from whole_runs import Kill, WriteRun, checkpoints_of, in_child, log_of

NUM_STEPS = 9


@pytest.fixture(scope="module")
def uninterrupted(write_run: WriteRun) -> Path:
    config = write_run()
    assert in_child(config) == 0
    return config.parent / "out"


def assert_same_run(run: Path, other: Path) -> None:
    assert log_of(run) == log_of(other)
    assert checkpoints_of(run) == checkpoints_of(other)
    for name in checkpoints_of(run):
        assert (run / name / "complete.json").is_file()
        for file in ("adapter_model.safetensors", "sums-0.json", "progress.json"):
            assert (run / name / file).read_bytes() == (other / name / file).read_bytes(), name
    outcomes = [json.loads((folder / "run.json").read_text()) for folder in (run, other)]
    assert outcomes[0]["best_checkpoint"] == outcomes[1]["best_checkpoint"]
    states = [best_of(folder / f"checkpoint-{NUM_STEPS}") for folder in (run, other)]
    assert states[0] == states[1]


def best_of(checkpoint: Path) -> list[object]:
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    keys = ("best_metric", "best_global_step", "global_step", "epoch", "num_train_epochs")
    return [state[key] for key in keys]


def test_the_run_has_what_makes_a_resume_hard(uninterrupted: Path) -> None:
    lines = log_of(uninterrupted)
    assert [line["step"] for line in lines] == [1, 3, 4, 6, 8, 9, 9, 9]
    assert [line["epoch"] for line in lines if "eval/field_f1" in line] == [1.8 - 0.4, 2.8, 3.0]
    assert lines[-1]["train/mean_loss"] > 0


def test_a_run_that_is_killed_again_and_again_is_the_run_that_was_not(
    write_run: WriteRun, uninterrupted: Path
) -> None:
    config = write_run()
    run = config.parent / "out"
    kills = [
        (Kill(4, "optimizer"), ["checkpoint-2", "checkpoint-4"]),
        (Kill(6, "step"), ["checkpoint-2", "checkpoint-4"]),
        (Kill(8, "marker"), ["checkpoint-4", "checkpoint-6", "checkpoint-8"]),
    ]
    for kill, left in kills:
        assert in_child(config, kill) == -signal.SIGKILL
        assert checkpoints_of(run) == left, kill
    assert in_child(config) == 0
    assert_same_run(run, uninterrupted)


GRID = [
    *(Kill(step, "step") for step in range(1, NUM_STEPS + 1)),
    Kill(2, "weights"),
    Kill(2, "marker"),
    Kill(6, "weights"),
    Kill(6, "optimizer"),
    Kill(8, "rotation"),
    Kill(9, "weights"),
    Kill(9, "marker"),
    Kill(9, "summary"),
]


@pytest.mark.slow
@pytest.mark.parametrize("kill", GRID, ids=lambda kill: f"{kill.inside}-{kill.step}")
def test_a_run_may_be_killed_anywhere(kill: Kill, write_run: WriteRun, uninterrupted: Path) -> None:
    config = write_run()
    assert in_child(config, kill) == -signal.SIGKILL
    assert in_child(config) == 0
    assert_same_run(config.parent / "out", uninterrupted)


VARIANTS: dict[str, dict[str, dict[str, object]]] = {
    "padded, no workers": {
        "data": {"batching": {"type": "padded"}, "dataloader_num_workers": 0},
    },
    "whole weights": {
        "tuner": {"train_type": "full", "freeze_aligner": False},
        "training": {"learning_rate": 1e-4, "save_total_limit": 1},
    },
    "by epochs": {
        "training": {
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "logging_strategy": "epoch",
            "num_train_epochs": 2.5,
        },
    },
    "workers that are spawned": {
        "data": {"dataloader_num_workers": 1, "dataloader_multiprocessing_context": "spawn"},
        "eval": {"generate": False},
        "training": {"max_steps": 7},
    },
    "a tied head and its embedding, each by itself": {
        "tuner": {
            "lora_rank": 4,
            "target_modules": ["q_proj", "all-embedding"],
            "modules_to_save": ["lm_head"],
        },
        "eval": {"generate": False},
    },
    "loss alone, every step": {
        "eval": {"generate": False},
        "data": {"dataloader_persistent_workers": True},
        "training": {"logging_steps": 1, "max_steps": 8, "optim": "sgd"},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_other_runs_may_be_killed_too(name: str, write_run: WriteRun) -> None:
    whole, again = write_run(**VARIANTS[name]), write_run(**VARIANTS[name])
    assert in_child(whole) == 0
    for kill in (Kill(5, "step"), Kill(6, "marker")):
        in_child(again, kill)
    assert in_child(again) == 0
    runs = [config.parent / "out" for config in (whole, again)]
    assert log_of(runs[0]) == log_of(runs[1])
    assert checkpoints_of(runs[0]) == checkpoints_of(runs[1])
    for name in checkpoints_of(runs[0]):
        weights = [next((run / name).glob("*model.safetensors")).read_bytes() for run in runs]
        assert weights[0] == weights[1]
