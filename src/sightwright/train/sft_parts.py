"""What the trainer needs beside a model and transformers' arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from sightwright.data.collate import Collator
from sightwright.data.dataset import TrainingRecords
from sightwright.sampling.token_plan import TokenBatches
from sightwright.train.optimizer import Rates
from sightwright.train.saving import SaveTimes
from sightwright.vision import VisionSpec

MarkAnswers = Callable[[nn.Module], dict[str, float]]
"""Answers held-out records with the model as it stands; returns metrics without a prefix."""


@dataclass(frozen=True)
class SftParts:
    """
    Attributes:
        train, held_out: the records.
        mark_answers: evaluation by generation; None for the loss alone.
        stamp: writes what a run and each checkpoint say of themselves into their folders.
        augments: training images are changed; the objects lost to it are then logged, in all since
            the run began.
        rates: learning rates of the parts; None for one of them all.
        saves: when a checkpoint may and must be written.
        tokens: micro-batches by tokens; None for so many records each.
    """

    spec: VisionSpec
    collator: Collator
    train: TrainingRecords
    held_out: TrainingRecords | None = None
    mark_answers: MarkAnswers | None = None
    stamp: Callable[[Path], None] = lambda folder: None
    augments: bool = False
    rates: Rates | None = None
    saves: SaveTimes = field(default_factory=SaveTimes)
    tokens: TokenBatches | None = None
