"""The device's memory is full: which batch it was, and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import TrainingArguments

from sightwright.errors import SightwrightError

_NUM_NAMED = 8


class OutOfMemoryError(SightwrightError):
    """A batch, or the optimiser's state, for which the device has no room."""


@dataclass
class Doing:
    """What a run is at, kept for the message.

    Attributes:
        batch: the last one that was begun; None where the work is no batch's.
    """

    what: str = "before the first step"
    batch: Mapping[str, Any] | None = field(default=None, repr=False)

    def now(self, what: str, batch: Mapping[str, Any] | None = None) -> None:
        self.what, self.batch = what, batch


@contextmanager
def told(doing: Doing, args: TrainingArguments) -> Iterator[None]:
    """Turn torch's error inside into one that names the batch.

    Raises:
        OutOfMemoryError: the device has no memory left.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        of = "" if doing.batch is None else f"; the batch: {_described(doing.batch)}"
        raise OutOfMemoryError(
            f"out of memory {doing.what}: {_first_line(error)}{of}",
            remedy=_remedy(doing.batch, args),
        ) from error


def _described(batch: Mapping[str, Any]) -> str:
    """Each record with its tokens and the patches of its images, the longest first."""
    lengths: Sequence[int] = batch["lengths"]
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    told = [_record(batch["places"][i], lengths[i], batch["grids"][i]) for i in order[:_NUM_NAMED]]
    more = len(order) - _NUM_NAMED
    tail = f"; and {more} more" if more > 0 else ""
    return f"{sum(lengths):,} tokens: {'; '.join(told)}{tail}"


def _record(place: str, length: int, grids: Sequence[Sequence[int]]) -> str:
    images = ", ".join(f"{rows}×{columns}" for _, rows, columns in grids)
    return f"{place}: {length:,} tokens" + (f", images of {images} patches" if images else "")


def _remedy(batch: Mapping[str, Any] | None, args: TrainingArguments) -> str:
    """What makes room, the cheapest first."""
    ways: list[str] = []
    if batch is not None and len(batch["lengths"]) > 1:
        ways.append(
            "lower training.per_device_train_batch_size (training.effective_batch_size keeps the "
            "step as large), or data.batching.budget"
        )
    if batch is not None and any(batch["grids"]):
        ways.append("lower template.max_pixels: fewer pixels are fewer tokens")
    if not args.gradient_checkpointing:
        ways.append("training.gradient_checkpointing: true")
    ways.append("deepspeed: {enabled: true, config: zero2} (or zero3) on several devices")
    ways.append("tuner.train_type: lora or qlora, where it is full")
    return "; ".join(ways)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
