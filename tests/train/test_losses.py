"""What is no number is told before it is logged or saved, by all processes, with its records."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rank_runs import NUM_RANKS, meeting_place, variables_of
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from whole_runs import WriteRun, checkpoints_of

from forking import context
from sightwright.errors import SightwrightError
from sightwright.train.losses import LossCheck, require_finite_weights
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

CPU = torch.device("cpu")
NAN = float("nan")


def alone(values: Tensor) -> Tensor:
    return values


def batches(*places: str) -> list[dict[str, Any]]:
    return [{"places": [place]} for place in places]


def test_the_program_that_waits_for_nothing_is_told_at_once() -> None:
    check = LossCheck(CPU, alone)
    check.look(torch.tensor([1.0, 2.0]), batches("a", "b"), 1)
    with pytest.raises(SightwrightError, match="not a number at step 2, in a batch of b\n"):
        check.look(torch.tensor([1.0, torch.inf]), batches("a", "b"), 2)


def late() -> LossCheck:
    check = LossCheck(CPU, alone)
    check.is_late = True
    return check


def test_a_device_that_is_not_waited_for_is_asked_in_the_next_step() -> None:
    check = late()
    check.look(torch.tensor([NAN, 2.0]), batches("a", "b"), 1)
    with pytest.raises(SightwrightError, match="not a number at step 1, in a batch of a\n"):
        check.look(torch.tensor([NAN, NAN]), batches("c", "d"), 2)


def test_or_when_it_matters() -> None:
    check = late()
    check.look(torch.tensor([1.0]), batches("a"), 1)
    check.settle()
    check.look(torch.tensor([NAN]), batches("b"), 2)
    with pytest.raises(SightwrightError, match="not a number at step 2, in a batch of b\n"):
        check.settle()
    check.settle()  # It is told once.


def test_many_records_are_counted() -> None:
    many = [{"places": [f"doc-{number}" for number in range(11)]}]
    with pytest.raises(SightwrightError, match="doc-7 and 3 more"):
        LossCheck(CPU, alone).look(torch.tensor([NAN]), many, 1)


def in_two_processes(target: Callable[..., None], *arguments: object) -> None:
    """Run `target(rank, port, *arguments)` in each, to its end."""
    store = meeting_place()
    ranks = [
        context().Process(target=target, args=(rank, store.port, *arguments))
        for rank in range(NUM_RANKS)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(200)
    assert [rank.exitcode for rank in ranks] == [0, 0]


def look_in_a_group(rank: int, port: int, told: Path) -> None:
    os.environ |= variables_of(rank, port)
    from accelerate import PartialState
    from accelerate.utils import reduce

    state = PartialState(cpu=True)

    def over_ranks(values: Tensor) -> Tensor:
        return reduce(values, "sum")  # type: ignore[return-value]

    check = LossCheck(CPU, over_ranks)
    check.is_late = True
    check.look(torch.tensor([1.0, NAN if rank else 2.0]), batches(f"a{rank}", f"b{rank}"), 1)
    try:
        check.look(torch.tensor([1.0, 1.0]), batches("c", "d"), 2)
    except SightwrightError as error:
        (told / str(rank)).write_text(str(error))
    state.wait_for_everyone()
    state.destroy_process_group()


def test_a_process_whose_own_losses_are_numbers_stops_with_the_others(tmp_path: Path) -> None:
    in_two_processes(look_in_a_group, tmp_path)
    first, second = ((tmp_path / str(rank)).read_text() for rank in range(2))
    assert first == second
    assert "not a number at step 1, in a batch of b1\n" in first


def train_with_a_broken_batch(rank: int, port: int, config: Path, told: Path) -> None:
    os.environ |= variables_of(rank, port)
    from sightwright.train.sft import train

    def poison(trainer: SftTrainer, model: nn.Module, batch: dict[str, Any]) -> Any:
        found = answer_loss(trainer, model, batch)
        trainer._losses.is_late = True
        if rank and trainer.state.global_step == 2:
            found.total = found.total * NAN
        return found

    answer_loss = SftTrainer._answer_loss
    SftTrainer._answer_loss = poison  # type: ignore[method-assign]
    try:
        train(config)
    except SightwrightError as error:
        (told / str(rank)).write_text(str(error))


@pytest.mark.slow
def test_a_run_of_two_processes_stops_as_one(write_run: WriteRun, tmp_path: Path) -> None:
    """The gradients of both are NaN; the records are those of one."""
    config = write_run(training={"use_cpu": True, "save_steps": 1}, eval={"generate": False})
    in_two_processes(train_with_a_broken_batch, config, tmp_path)
    first, second = ((tmp_path / str(rank)).read_text() for rank in range(NUM_RANKS))
    assert first == second
    assert "the loss is not a number at step 3, in a batch of" in first
    run = config.parent / "out"
    assert checkpoints_of(run) == ["checkpoint-1", "checkpoint-2"]


# In a run


def poisoned(trainer: SftTrainer, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The loss of one step is NaN, and the weights after it."""
    own = trainer._answer_loss

    def answer_loss(model: nn.Module, batch: dict[str, Any]) -> Any:
        found = own(model, batch)
        if trainer.state.global_step == step - 1 and model.training:
            found.total *= NAN
        return found

    monkeypatch.setattr(trainer, "_answer_loss", answer_loss)
    trainer._losses.is_late = True


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"save_strategy": "steps", "save_steps": 2},
        {"logging_steps": 2},
        {"eval_strategy": "steps", "eval_steps": 2},
        {"max_steps": 2},
    ],
    ids=["the next step", "a checkpoint", "a line of the log", "an evaluation", "the end"],
)
def test_nothing_is_written_of_a_step_without_a_loss(
    make_trainer: MakeTrainer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: dict[str, Any],
) -> None:
    plain = {"max_steps": 6, "logging_steps": 100, "per_device_train_batch_size": 1}
    trainer = make_trainer(["a", "b", "c"], **plain | arguments)
    poisoned(trainer, monkeypatch, step=2)
    with pytest.raises(SightwrightError, match=r"not a number at step 2, in a batch of .*doc-"):
        trainer.train()
    assert trainer.state.global_step == 2
    assert [line for line in trainer.state.log_history if line["step"] > 1] == []
    assert list((tmp_path / "run").glob("checkpoint-*")) == []


class Breaks(TrainerCallback):
    """Overflow that no loss shows."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 2:
            with torch.no_grad():
                next(p for p in kwargs["model"].parameters() if p.requires_grad)[0] = torch.inf


def test_weights_that_are_no_numbers_are_not_saved(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    trainer = make_trainer(["a"], max_steps=3, save_strategy="steps", save_steps=1)
    trainer.add_callback(Breaks())
    with pytest.raises(
        SightwrightError, match=r"checkpoint-2.*not numbers after step 2: \S*weight"
    ):
        trainer.train()
    assert [path.name for path in (tmp_path / "run").glob("checkpoint-*")] == ["checkpoint-1"]


def test_frozen_weights_are_not_looked_at() -> None:
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)[0] = NAN
    require_finite_weights(model, alone, 1)
