"""Runs whose micro-batches follow from lengths: the same steps, told, resumed exactly."""

import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from photograph_runs import mixture, write_photographs
from whole_runs import Kill, WriteRun, in_child, log_of

from sightwright.errors import ConfigError, DataError
from sightwright.sampling.token_plan import TokenBatches, TokenPlan
from sightwright.train.sft import train
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]
ANSWERS = ["a", "yes", '{"total":"12.50","date":"2024-01-31"}', "no", "North Pier", "b", "c", "d"]
NO_GENERATION = {"eval": {"generate": False}}


def losses(trainer: SftTrainer) -> list[float]:
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def test_a_step_learns_the_same_as_in_micro_batches_by_number(make_trainer: MakeTrainer) -> None:
    # One model for both, which therefore must not move.
    common = {
        "max_steps": 4, "gradient_accumulation_steps": 3, "per_device_train_batch_size": 2,
        "learning_rate": 0.0,
    }  # fmt: skip
    by_number = losses(make_trainer(ANSWERS, **common))
    by_tokens = make_trainer(ANSWERS, parts={"tokens": TokenBatches(120)}, **common)
    assert losses(by_tokens) == pytest.approx(by_number, rel=1e-5)
    # The line about the micro-batches takes the place of no other.
    assert len(by_number) == 4
    # Eight records, six a step: the second step of an epoch has two.
    plan = by_tokens._plan
    assert isinstance(plan, TokenPlan)
    assert [len(plan.step(index).records) for index in range(4)] == [6, 2, 6, 2]
    # 180 tokens.
    assert len(plan.step(0).share(0, 1)) == 2
    assert by_tokens.state.epoch == 2


def test_the_size_of_a_step_need_not_be_a_multiple_of_anything(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(ANSWERS, parts={"tokens": TokenBatches(200, 5)}, max_steps=2)
    assert trainer._plan.records_per_step == 5
    assert losses(trainer)
    assert trainer.state.epoch == 1


def test_lengths_group_the_micro_batches(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(
        ANSWERS,
        train_sampling_strategy="group_by_length",
        per_device_train_batch_size=2,
        max_steps=4,
    )
    tokens = trainer._parts.train.measures(0).tokens
    spans = [
        abs(int(tokens[first] - tokens[second]))
        for index in range(4)
        for first, second in trainer._plan.step(index).batches  # type: ignore[attr-defined]
    ]
    by_length = sorted(tokens.tolist())
    assert sorted(spans) == sorted(
        by_length[at + 1] - by_length[at] for at in range(0, len(by_length), 2)
    )
    assert len(losses(trainer)) == 4
    assert trainer.state.epoch == 1


# Whole runs


def by_tokens(budget: int, **data: object) -> dict[str, dict[str, object]]:
    return {"data": {"batching": {"type": "tokens", "budget": budget}, **data}}


def test_a_killed_run_goes_on_as_if_it_had_not_been(write_run: WriteRun) -> None:
    # Of records of 40 to 43 tokens two fit; one process loads beside, the other run by itself.
    whole = write_run(**by_tokens(100, dataloader_num_workers=1), **NO_GENERATION)
    killed = write_run(**by_tokens(100, dataloader_num_workers=0), **NO_GENERATION)
    assert in_child(whole) == 0
    assert in_child(killed, Kill(5, "step")) == -signal.SIGKILL
    assert in_child(killed) == 0
    runs = [config.parent / "out" for config in (whole, killed)]
    log = log_of(runs[0])
    assert log == log_of(runs[1])
    last = "checkpoint-9/adapter_model.safetensors"
    assert (runs[0] / last).read_bytes() == (runs[1] / last).read_bytes()
    told = [line for line in log if "train/batch_fill" in line]
    # Each epoch's first step; nine records are four, four and one: two, two and one micro-batches.
    assert [line["step"] for line in told] == [1, 4, 7]
    assert {line["train/batches_per_step"] for line in told} == {1.667}
    assert {line["train/batch_samples"] for line in told} == {1.8}
    facts = json.loads((runs[0] / "checkpoint-8" / "progress.json").read_text())
    assert (facts["budget"], facts["effective_batch_size"]) == (100, 4)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    write_photographs(folder)
    return folder


@pytest.mark.slow
def test_a_killed_mixture_under_augmentation_goes_on_too(
    write_run: WriteRun, photographs: Path
) -> None:
    parts = {**mixture(photographs), **by_tokens(600), **NO_GENERATION}
    whole, killed = write_run(**parts), write_run(**parts)
    assert in_child(whole) == 0
    assert in_child(killed, Kill(4, "step")) == -signal.SIGKILL
    assert in_child(killed) == 0
    runs = [config.parent / "out" for config in (whole, killed)]
    assert log_of(runs[0]) == log_of(runs[1])
    last = "checkpoint-5/adapter_model.safetensors"
    assert (runs[0] / last).read_bytes() == (runs[1] / last).read_bytes()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (by_tokens(120), r"data\.batching, the budget of tokens: 100 there, 120 here"),
        ({"data": {"batching": {"type": "padded"}}}, "the budget of tokens: 100 there, None here"),
        (
            {**by_tokens(100), "training": {"train_sampling_strategy": "sequential"}},
            r"training\.train_sampling_strategy: random there, sequential here",
        ),
        (
            {**by_tokens(100), "template": {"max_length": 256, "max_pixels": 1024}},
            r"the lengths of the records \(template\.max_pixels, how they are asked\)",
        ),
    ],
)
def test_a_resume_under_another_plan_is_refused(
    resumable: Path, write_run: WriteRun, changed: dict[str, Any], says: str
) -> None:
    training = {"resume_from_checkpoint": str(resumable), **changed.get("training", {})}
    config = write_run(**{**changed, **NO_GENERATION, "training": training})
    with pytest.raises(ConfigError, match=says):
        train(config)


@pytest.fixture(scope="module")
def resumable(write_run: WriteRun) -> Path:
    config = write_run(**by_tokens(100), **NO_GENERATION, training={"max_steps": 2})
    result = train(config)
    return result.folder / "checkpoint-2"


def test_a_record_over_the_budget_is_refused_before_a_weight_is_loaded(
    write_run: WriteRun,
) -> None:
    with pytest.raises(DataError, match=r"docs\.jsonl:4 record 3 \(doc-3\): 43 tokens.* the 42 of"):
        train(write_run(**by_tokens(42)))


def test_a_second_epoch_reads_its_images_from_the_cache(
    write_run: WriteRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached = {"patch_cache": {"dir": str(tmp_path / "cache")}, "dataloader_num_workers": 1}
    plain, kept = write_run(**NO_GENERATION), write_run(**NO_GENERATION, data=cached)
    with caplog.at_level(logging.INFO, "sightwright"):
        results = [train(config) for config in (plain, kept)]
    # Held-out records are the same files, and come to the cache first or later.
    assert "patch cache, training images: " in caplog.text
    outcome = json.loads((results[1].folder / "run.json").read_text(encoding="utf-8"))
    counted = outcome["changes"]
    assert counted["patch_cache: made"] + counted["patch_cache: read"] == 27
    assert counted["patch_cache: made"] <= 9
    assert len(list((tmp_path / "cache").glob("*/*.patches"))) == 9
    assert log_of(results[0].folder) == log_of(results[1].folder)
