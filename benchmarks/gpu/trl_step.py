"""The loss of TRL's `SFTTrainer`, by its own code. Imported only where TRL is installed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset  # pyright: ignore
from torch import Tensor
from trl import SFTConfig, SFTTrainer  # pyright: ignore

from benchmarks.gpu.steps import Inputs, Padded, peers_adapter, stock_model, use_liger
from sightwright.model.load import resolve_folder
from sightwright.model.processor import ImagesOnlyProcessor


class _Trainer(SFTTrainer):
    def _send_telemetry(self) -> None:
        """A measurement tells nobody of itself."""


@dataclass
class Trl(Padded):
    """`SFTTrainer.compute_loss` on the batch that TRL's collator for pictures makes.

    That batch is padded, with labels on the completions: TRL refuses `padding_free` and `packing`
    with pictures. On a GPU its head sees answer rows alone, by a kernel of its own; on a CPU every
    row. What the loss computes besides (entropy, accuracy, waiting for both) belongs to it.
    """

    trainer: Any

    def loss(self, inputs: Inputs) -> Tensor:
        return self.trainer.compute_loss(self.model, inputs)


def trl(size: str, device: torch.device, *, liger: bool = False) -> Trl:
    """
    Raises:
        ImportError: Liger is asked for and does not fit this transformers.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = _Trainer(  # pyright: ignore
            model=stock_model(size, device),
            args=_settings(folder, device, liger),
            # Never read: batches come from outside.
            train_dataset=Dataset.from_dict({"messages": [[]], "images": [[]]}),
            processing_class=ImagesOnlyProcessor.from_folder(resolve_folder("tiny")),
            peft_config=peers_adapter(),
        )
    if liger:
        # TRL has taken Liger's head out of the settings, for its own.
        use_liger(trainer.model, trainer.args.liger_kernel_config)
    return Trl(trainer.model.train(), device, trainer)


def _settings(folder: str, device: torch.device, liger: bool) -> Any:
    on_gpu = device.type == "cuda"
    return SFTConfig(  # pyright: ignore
        output_dir=folder,
        max_length=None,
        gradient_checkpointing=False,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        use_liger_kernel=liger,
        report_to="none",
    )
