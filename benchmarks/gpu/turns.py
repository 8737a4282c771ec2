"""Steps of a way, batch after batch, and what its first step comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.gpu.steps import Inputs, Ours, Way
from benchmarks.random_batches import farthest_apart, gradients
from sightwright.data.dataset import Sample

MOST_APART = {torch.float32: (1e-5, 1e-4), torch.bfloat16: (2e-3, 0.3)}
"""In the loss and in the gradients, of their size, by the format of the weights. With random
weights the loss says little: samples that see each other change it by 0.4 to 1.4 %, the gradients
by more than their size. The rounding of 36 layers in bf16 changes these by 7 %."""


@dataclass(frozen=True)
class Start:
    """What a way makes of the first batch.

    Attributes:
        gradients: of the adapters, on the CPU.
    """

    loss: float
    gradients: Mapping[str, Tensor]

    def apart_from(self, expected: Start) -> tuple[float, float]:
        """How far loss and gradients are from another's, of its size."""
        loss = abs(self.loss - expected.loss) / expected.loss
        return loss, farthest_apart(self.gradients, expected.gradients)


class Turns:
    """A way's steps: copy to the device, forward, backward, update (fused AdamW on a GPU).

    On a GPU in bf16 autocast, as all the trainers run it: the adapters' weights are fp32.
    """

    def __init__(self, way: Way, batches: Sequence[Sequence[Sample]]) -> None:
        self.way = way
        self.batches = [_pinned(way.inputs(samples), way.device) for samples in batches]
        self.done = 0
        _draw_adapters(way.model)
        learning = [each for each in way.model.parameters() if each.requires_grad]
        self._on_gpu = way.device.type == "cuda"
        self._optimizer = torch.optim.AdamW(learning, lr=1e-4, fused=self._on_gpu)

    def start(self) -> Start:
        """Of the first batch, before anything is learnt."""
        loss = self._loss()
        loss.backward()
        found = {
            name: each.to("cpu", copy=True) for name, each in gradients(self.way.model).items()
        }
        self._optimizer.zero_grad(set_to_none=True)
        return Start(loss.item(), found)

    def cycle(self) -> None:
        """A step on each batch."""
        for _ in self.batches:
            self.step()

    def step(self) -> None:
        self._loss().backward()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.done += 1

    def _loss(self) -> Tensor:
        inputs = to_device(self.batches[self.done % len(self.batches)], self.way.device)
        with torch.autocast(self.way.device.type, torch.bfloat16, enabled=self._on_gpu):
            return self.way.loss(inputs)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Our steps fail here if a layer is compiled again, or the program waits for the GPU."""
        if not isinstance(self.way, Ours):
            yield
            return
        with torch._dynamo.config.patch(error_on_recompile=True):
            if self._on_gpu:
                torch.cuda.set_sync_debug_mode("error")
                self.step()
                torch.cuda.set_sync_debug_mode("default")
            yield


def require_same(name: str, found: Start, expected: Start, dtype: torch.dtype) -> None:
    """
    Raises:
        AssertionError: another loss, or other gradients.
    """
    apart, most = found.apart_from(expected), MOST_APART[dtype]
    assert all(each <= limit for each, limit in zip(apart, most, strict=True)), (
        f"{name} does other work than ours: the loss is {apart[0]:.1e} of its size apart, the "
        f"gradients {apart[1]:.1e}; at most {most[0]:.0e} and {most[1]:.0e}"
    )


def _draw_adapters(model: nn.Module) -> None:
    """The same numbers for every way, none of them zero: else half of the gradients are."""
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, weight in sorted(model.named_parameters(), key=lambda named: named[0]):
            if weight.requires_grad:
                weight.copy_(0.02 * torch.randn(weight.shape, generator=draw))


def _pinned(inputs: Inputs, device: torch.device) -> Inputs:
    """In memory that a GPU copies from by itself."""
    if device.type != "cuda":
        return inputs
    return {
        name: _pinned(value, device)
        if isinstance(value, dict)
        else (value.pin_memory() if isinstance(value, Tensor) else value)
        for name, value in inputs.items()
    }


def to_device(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: to_device(each, device) for name, each in value.items()}
    return value
