"""On a GPU a whole step of the trainer is queued without a wait for the device."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sightwright.config.sections.tuner import Tuner
from sightwright.model.attention import attend_by_document
from sightwright.model.load import load_model
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]


class Strict(TrainerCallback):
    """Whatever waits in step 3 fails; kernels are warm by then."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        torch.cuda.set_sync_debug_mode("error" if state.global_step == 2 else "default")


@pytest.mark.gpu
def test_a_step_waits_for_nothing(make_trainer: MakeTrainer, tiny_folder: Path) -> None:
    base = load_model(tiny_folder, "bfloat16", device="cuda:0")
    attend_by_document(base)
    trainer = make_trainer(
        ["a", "a longer answer", "no", "yes"],
        base=base,
        tuner=Tuner(lora_rank=4),
        use_cpu=False,
        bf16=True,
        max_steps=4,
        logging_steps=100,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        include_num_input_tokens_seen="all",
    )
    trainer.add_callback(Strict())
    try:
        trainer.train()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert trainer.state.global_step == 4
