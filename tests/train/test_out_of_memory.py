"""Out of memory: the batch is named, with what to change, and without a traceback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from sightwright.cli.main import app
from sightwright.errors import SightwrightError
from sightwright.model.qwen3_vl import Qwen3VLForConditionalGeneration
from sightwright.train.out_of_memory import Doing, OutOfMemoryError, told
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of 139 GiB"


def fill_memory(*_: Any, **__: Any) -> None:
    raise torch.OutOfMemoryError(FULL)


def test_the_batch_is_named(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(["a", "a much longer answer than that"], per_device_train_batch_size=2)
    monkeypatch.setattr(trainer.model, "forward", fill_memory)
    with pytest.raises(OutOfMemoryError) as caught:
        trainer.train()
    error = caught.value
    assert isinstance(error, SightwrightError)
    assert error.message.startswith("out of memory at step 1: CUDA out of memory. Tried to")
    assert "GPU 0" not in error.message
    # The longest first: its id, its tokens, the patches of its image.
    longest, other = error.message.split("tokens: ", 1)[1].split("; ")
    assert "doc-1" in longest
    assert "doc-0" in other
    assert longest.endswith("tokens, images of 4×4 patches")
    assert error.remedy is not None
    for key in ("per_device_train_batch_size", "max_pixels", "gradient_checkpointing", "zero2"):
        assert key in error.remedy


def test_the_optimisers_state_may_have_no_room(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.optim.AdamW, "step", fill_memory)
    with pytest.raises(OutOfMemoryError, match="in the optimiser, at step 1"):
        make_trainer(["a"]).train()


def test_so_may_an_evaluation(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(["a"], eval_strategy="steps", eval_steps=1)
    monkeypatch.setattr(trainer, "_answer_loss", trainer._answer_loss)
    own = trainer._answer_loss

    def in_training_alone(model: Any, batch: Any) -> Any:
        return own(model, batch) if model.training else fill_memory()

    monkeypatch.setattr(trainer, "_answer_loss", in_training_alone)
    with pytest.raises(OutOfMemoryError, match="in an evaluation"):
        trainer.train()


def test_of_many_records_the_longest_are_named(make_trainer: MakeTrainer) -> None:
    args = make_trainer(["a"]).args
    count = 20
    batch = {
        "lengths": list(range(100, 100 + count)),
        "grids": [()] * count,
        "places": [f"x.jsonl:{i} record {i}" for i in range(count)],
    }
    doing = Doing()
    doing.now("at step 7", batch)
    with pytest.raises(OutOfMemoryError) as caught, told(doing, args):
        fill_memory()
    assert "2,190 tokens: x.jsonl:19 record 19: 119 tokens; " in caught.value.message
    assert caught.value.message.endswith("and 12 more")
    assert "max_pixels" not in str(caught.value.remedy)


def test_another_error_passes(make_trainer: MakeTrainer) -> None:
    with pytest.raises(RuntimeError, match="shapes"), told(Doing(), make_trainer(["a"]).args):
        raise RuntimeError("shapes")


def test_the_command_ends_without_a_traceback(
    tmp_path: Path,
    write_records: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Qwen3VLForConditionalGeneration, "forward", fill_memory)
    config = {
        "model": {"model": "tiny"},
        "global_max_length": 128,
        "custom": {"train_jsonl": str(write_records(["a"]))},
        "training": {"output_dir": str(tmp_path / "out"), "max_steps": 1, "use_cpu": True},
    }
    (tmp_path / "run.yaml").write_text(json.dumps(config))
    done = CliRunner().invoke(app, ["train", "--config", str(tmp_path / "run.yaml")])
    assert isinstance(done.exception, OutOfMemoryError)
    assert done.exception.exit_code == 2
