"""Runs on photographs: a mixture under augmentation, killed and resumed; groups; summaries."""

import json
import signal
from pathlib import Path

import pytest
from photograph_runs import mixture, sections, write_photographs
from whole_runs import Kill, WriteRun, in_child, log_of

from sightwright import certificate
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.taught import inspection_task_of
from sightwright.train.sft import train

SHORT = {"prompts": {"system": "Look.", "user": "List."}}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    write_photographs(folder)
    return folder


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


def test_a_mixture_is_told_by_data_set_and_kind_of_token(
    write_run: WriteRun, photographs: Path
) -> None:
    result = train(write_run(**mixture(photographs)))
    keys = {key for key in result.metrics if key.endswith(("_loss", "_acc"))}
    evaluated = {*of_set("bbu", "bbox", "line"), *of_set("bbu_summary")}
    whole = {"train/mean_loss", "train/token_acc", "eval/token_acc"}
    assert {key for key in keys if key.startswith("eval/")} - whole == {
        f"eval/{key}" for key in evaluated
    }
    # A source is learnt, and not evaluated. A box that is rotated becomes a polygon.
    trained = {key.removeprefix("train/") for key in keys - whole if key.startswith("train/")}
    assert trained == {*evaluated, *of_set("lvis", "bbox", "line"), "bbu_poly_token_acc"}
    assert curves(result.folder / "tensorboard") == logged(result.folder)


def curves(folder: Path) -> set[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = EventAccumulator(str(folder))
    shown.Reload()
    return set(shown.Tags()["scalars"]) - {"train/epoch", "eval/epoch"}


def logged(run: Path) -> set[str]:
    lines = (run / "logging.jsonl").read_text(encoding="utf-8").splitlines()
    return {key for line in lines for key in json.loads(line)} - {"step", "epoch", "seconds"}


def of_set(name: str, *shapes: str) -> set[str]:
    kinds = ("desc", "coord", "format", *shapes) if shapes else ()
    return {f"{name}_loss", f"{name}_token_acc", *(f"{name}_{kind}_token_acc" for kind in kinds)}


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
    assert 0 <= result.metrics["eval/fact_f1"] == result.metrics["eval/bbu_fact_f1"] <= 1
