"""Each row of the troubleshooting table of docs/TRAINING_GUIDE.md: its error is produced, says what
the first column holds, and names every remedy of the last."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, TrainerControl, TrainerState, TrainingArguments

from sightwright.config.load import load_text
from sightwright.config.sections.tuner import Tuner
from sightwright.model.adapters import prepare_model
from sightwright.records import read_item
from sightwright.train import partners
from sightwright.train.health import moved_parts, refuse_idle
from sightwright.train.trainer import SftTrainer
from sightwright.train.watch import Watch

MakeTrainer = Callable[..., SftTrainer]
Produce = Callable[[], object]

GUIDE = Path(__file__).parents[2] / "docs/TRAINING_GUIDE.md"
CODE = re.compile(r"`([^`]+)`")


def rows() -> Iterator[tuple[list[str], list[str]]]:
    """What is printed, and what it says to do: the code of the first column and of the last."""
    table = GUIDE.read_text(encoding="utf-8").split("## Troubleshooting\n")[1]
    for line in table.splitlines():
        if line.startswith("| ") and not line.startswith("| you see"):
            first, _, last = line.strip("| ").split(" | ")
            yield CODE.findall(first), CODE.findall(last)


ROWS = {shown[0]: (shown, remedies) for shown, remedies in rows()}


@pytest.fixture
def errors(
    make_trainer: MakeTrainer,
    base_model: PreTrainedModel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> dict[str, Produce]:
    """What produces each error, by the first code of its row."""

    def unmoved_aligner() -> None:
        model = prepare_model(base_model, Tuner(lora_rank=4, freeze_aligner=False))
        model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits.sum().backward()
        refuse_idle(moved_parts(model))

    def full_device() -> None:
        trainer = make_trainer(["one", "two"], per_device_train_batch_size=2)
        monkeypatch.setattr(trainer.model, "forward", raising(torch.OutOfMemoryError("CUDA: full")))
        trainer.train()

    def broken_weights() -> None:
        trainer: Any = make_trainer(["one"])
        with torch.no_grad():
            trainer.model.get_output_embeddings().weight[:] = float("nan")
        trainer.train()

    def lonely_process() -> None:
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        with partners.told():
            raise RuntimeError("Rank 1 failed to pass monitoredBarrier in 1800000 ms")

    def parts_apart() -> None:
        base_model.get_submodule("model.visual.merger").to("meta")
        make_trainer(["one"])

    def watch(*lines: dict[str, float]) -> None:
        watching = Watch()
        arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
        for line in lines:
            watching.on_log(arguments, TrainerState(), TrainerControl(), logs=line)

    steady = [{"loss": 1.0}] * 6
    lr = "model: {model: base}\ntuner: {train_type: full}\ntraining: {learning_rate: 1e-7}"
    item = {"type": "image", "url": "page.png"}
    return {
        "did not go through prepare_model": lambda: make_trainer(["one"], prepare=False),
        "has exactly the keys 'type' and 'image'": lambda: read_item(item),
        "no gradient reaches aligner": unmoved_aligner,
        "out of memory": full_device,
        "is low for full": lambda: print(*load_text(lr).warnings),
        "the loss is not a number": broken_weights,
        "the loss jumped": lambda: watch(*steady, {"loss": 9.0}),
        "another process of this run did not come": lonely_process,
        "Please input the training dataset.": lambda: load_text("data: {dataset: []}"),
        "are not on the same device": parts_apart,
        "the device waits for records": lambda: watch(*steady, {"loss": 1, "data_wait_share": 0.9}),
        "reach the limit": lambda: make_trainer(["a long answer. " * 300]),
        "packing is gone": lambda: load_text("training: {packing: false}"),
        "samples are no longer mined by their loss": lambda: load_text(
            "custom: {hard_sample_mining: {enabled: true}}"
        ),
    }


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_every_row_is_produced(errors: dict[str, Produce]) -> None:
    assert sorted(errors) == sorted(shown[0] for shown, _ in rows())


@pytest.mark.parametrize("row", ROWS)
def test_an_error_names_its_remedies(
    row: str,
    errors: dict[str, Produce],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = ""
    try:
        errors[row]()
    except ValueError as error:  # SightwrightError, and the problems of a configuration
        told = str(error)
    told += capsys.readouterr().out + caplog.text
    shown, remedies = ROWS[row]
    assert [text for text in (*shown, *remedies) if text not in told] == []
    assert remedies
